"""SCTP between usrsctp and a simulated host, bare and inside UDP."""

import json
import os
import shutil
import subprocess

from interop import HERE, LIMIT, WORK, Gate, Live, check, run, skip, suite, wait_for

PEER = os.path.join(WORK, "usrsctp_peer")
BAD_LINK = {"loss": "2 %"}
OVER_IPV6 = {"ip": "v6", "kernel": "fd77::1/64", "host": "fd77::2/64"}
CARRIED = {"raw": "sctp && !udp", "udp": "udp.port == 9899 && sctp"}


def build():
    if not shutil.which("gcc") or not os.path.exists("/usr/include/usrsctp.h"):
        skip("there is no gcc or no usrsctp to build the peer from")
    run("gcc", "-O2", "-o", PEER, os.path.join(HERE, "usrsctp_peer.c"), "-lusrsctp", "-lpthread")


def last_line(text):
    return text.strip().splitlines()[-1]


def news(text):
    """What usrsctp has reported of extensions, in its line before the last one: numbers by the words before them."""
    numbers = {}
    for part in text.strip().splitlines()[-2].split(", "):
        head, *rest = part.split()
        if len(rest) == 1:
            numbers[head] = int(rest[0])
        for word, number in zip(rest[::2], rest[1::2]):
            numbers[f"{head} {word}"] = int(number)
    return numbers


def exchange(name, way, count, loss, how="shutdown", local="10.77.0.1", filters=(), pause=None, limit=LIMIT, wish=None, **parameters):
    """Messages from usrsctp to the simulated echo and back; returns the run, with what usrsctp has said."""
    with Live("sctp-echo", name, [CARRIED[way], *filters], **loss, **parameters) as live:
        environment = dict(os.environ, **({"PAUSE_MS": str(pause)} if pause else {}), **(wish or {}))
        done = subprocess.run([PEER, "client", way, local, "10.77.0.2", "7", str(count), how], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=limit, env=environment)
        check(done.returncode == 0, done.stdout)
        ending = "aborted" if how == "abort" else "shut down"
        check(last_line(done.stdout) == f"{count} messages, 0 bad, {ending}", done.stdout)
        live.said = done.stdout
    return live


def messages_come_back_on_their_streams():
    for way in CARRIED:
        exchange("echo-" + way, way, 200, {}, filters=["sctp.chunk_type == 14"])


def messages_come_back_over_a_bad_link():
    for way in CARRIED:
        live = exchange("bad-" + way, way, 100, BAD_LINK)
        check(live.frames("sctp.retransmission"), "something was repeated")


def an_association_is_aborted():
    for way in CARRIED:
        exchange("abort-" + way, way, 20, {}, how="abort", filters=["sctp.chunk_type == 6"])


def the_second_path_takes_over():
    live = exchange("paths", "raw", 150, {}, local="10.77.0.1,10.77.1.1", pause=50, dies="4 s",
                    filters=["sctp.chunk_type == 4", "sctp.chunk_type == 0 && ip.dst == 10.77.1.2",
                             "sctp.chunk_type == 0 && ip.dst == 10.77.1.1"])
    late = live.frames("sctp.chunk_type == 0 && ip.src == 10.77.1.2 && frame.time_relative > 4")
    check(len(late) > 50, f"{len(late)} packets with data took the second path")


class Server:
    """usrsctp as a server."""

    count = 0

    def __init__(self, way, how, count, addresses, wish=None):
        Server.count += 1
        self.log = os.path.join(WORK, f"server-{Server.count}")
        self.out = open(self.log, "w")
        self.process = subprocess.Popen([PEER, "server", way, *addresses, "5001", str(count), how],
                                        stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out, env=dict(os.environ, **(wish or {})))

    def __enter__(self):
        wait_for("usrsctp to listen", lambda: "listening" in self.text())
        return self

    def text(self):
        with open(self.log) as log:
            return log.read()

    def end(self):
        self.process.wait(LIMIT)
        self.said = self.text()
        return last_line(self.said)

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.out.close()


def client(name, way, how, filters=(), count=0, wish=None, scenario="sctp-client", peers=None, options=None, **parameters):
    """Messages from the simulated client to usrsctp; returns what that saw."""
    return meet(name, way, how, filters, count, wish, scenario, peers, options, **parameters)[0]


def meet(name, way, how, filters=(), count=0, wish=None, scenario="sctp-client", peers=None, options=None, **parameters):
    """The same, and what usrsctp has reported of extensions."""
    over = {"raw": "sctp", "udp": "sctp/udp"}[way]
    if options:
        parameters["sctp"] = json.dumps({"streams": 8, **options})
    addresses = peers or (("fd77::1", "fd77::2") if parameters.get("ip") == "v6" else ("10.77.0.1", "10.77.0.2"))
    # The server's address exists only once the run has begun.
    with Gate() as gate, Live(scenario, name, [CARRIED[way], *filters], over=over, **parameters):
        with Server(way, how, count, addresses, wish) as server:
            gate.open()
            seen = server.end()
            return seen, news(server.said)


def the_simulated_host_sends_messages():
    for way in CARRIED:
        for name, settings in (("good", {}), ("bad", BAD_LINK), ("ipv6", OVER_IPV6), ("bad-ipv6", {**OVER_IPV6, **BAD_LINK})):
            seen = client(f"client-{name}-{way}", way, "take", **settings)
            check(seen == "200 messages, 4000000 bytes, 8 streams, 0 unordered, shut down", seen)


def the_simulated_host_sends_unordered_messages():
    seen = client("unordered", "raw", "take", options={"ordered": False}, **BAD_LINK)
    check(seen == "200 messages, 4000000 bytes, 8 streams, 200 unordered, shut down", seen)


def messages_that_are_late_are_given_up():
    seen = client("partial", "raw", "take", ["sctp.chunk_type == 192"], message="1 KB", messages="500",
                  options={"reliability": {"retransmissions": 0}}, loss="10 %")
    count = int(seen.split()[0])
    check(350 < count < 500 and seen.endswith("shut down"), seen)


def usrsctp_aborts():
    seen = client("aborted", "raw", "abort", ["sctp.chunk_type == 6 && ip.src == 10.77.0.1"], count=10)
    check(seen.startswith("10 messages") and seen.endswith("aborted"), seen)


KERNEL, HOST = "ip.src == 10.77.0.1", "ip.src == 10.77.0.2"
# AUTH (RFC 4895), I-DATA (RFC 8260), RE-CONFIG (RFC 6525), ASCONF and ASCONF-ACK (RFC 5061), by both sides or by one.
AUTH, I_DATA, RE_CONFIG, ASCONF, ASCONF_ACK = (f"sctp.chunk_type == {number}" for number in (15, 64, 130, 193, 128))
# A side that gets data without the code that it has asked for drops them: what arrives was signed.
SIGNED = [f"{AUTH} && {who}" for who in (KERNEL, HOST)]
TAKE = "200 messages, 4000000 bytes, 8 streams, 0 unordered, shut down"


def data_are_signed():
    for way in CARRIED:
        for name, loss in (("good", {}), ("bad", BAD_LINK)):
            exchange(f"auth-{name}-{way}", way, 100, loss, wish={"WITH": "auth"}, extensions="true", filters=[SIGNED[1]])
            for hmac in ("sha-256", "sha-1") if way == "raw" else ("sha-256",):
                seen = client(f"auth-client-{name}-{way}-{hmac}", way, "take", SIGNED[1:], wish={"WITH": "auth"},
                              options={"authenticate": "data", "hmac": hmac}, **loss)
                check(seen == TAKE, seen)


def all_that_can_be_is_signed_with_a_shared_key():
    wish = {"WITH": "auth", "KEY": "key 7 of both ends"}
    seen = client("auth-key", "raw", "take", SIGNED, wish=wish, options={"authenticate": "everything", "shared-key": 7})
    check(seen == TAKE, seen)


def messages_are_interleaved():
    for way in CARRIED:
        for name, loss in (("good", {}), ("bad", BAD_LINK)):
            both = [f"{I_DATA} && {KERNEL}", f"{I_DATA} && {HOST}"]
            exchange(f"interleaved-{name}-{way}", way, 100, loss, wish={"WITH": "idata"}, extensions="true", filters=both)
            seen = client(f"interleaved-client-{name}-{way}", way, "take", both[1:], wish={"WITH": "idata"},
                          options={"interleaving": True}, **loss)
            check(seen == TAKE, seen)


def interleaved_messages_are_given_up():
    seen = client("interleaved-partial", "raw", "take", ["sctp.chunk_type == 194"], wish={"WITH": "idata"},
                  message="1 KB", messages="500", options={"interleaving": True, "reliability": {"retransmissions": 0}}, loss="10 %")
    check(350 < int(seen.split()[0]) < 500 and seen.endswith("shut down"), seen)


# Requests were carried out: result 1 of RFC 6525 section 4.4.
PERFORMED = "sctp.parameter_reconfig_response_result == 1"


def usrsctp_asks_about_streams():
    for way in CARRIED:
        for name, loss in (("good", {}), ("bad", BAD_LINK)):
            # Time for three repetitions of the last message (RTO 1 s), before the library asks for what it can ask for only once.
            wish = {"WITH": "reset", **({"QUIET_MS": "8000"} if loss else {})}
            live = exchange(f"reset-{name}-{way}", way, 180, loss, wish=wish, extensions="true",
                            filters=[f"{PERFORMED} && {HOST}", f"{RE_CONFIG} && {KERNEL}"])
            seen = news(live.said)
            # Its streams to send on were reset by itself, ours by us at its wish; it has four more to send on now.
            check(seen["reset out"] >= 1 and seen["reset in"] >= 1 and seen["reset tsns"] == 1 and seen["refused"] == 0, live.said)
            check((seen["streams in"], seen["streams out"]) == (16, 20), live.said)
    seen, told = meet("reset-more", "raw", "take", [f"{PERFORMED} && {HOST}", f"{RE_CONFIG} && {KERNEL}"],
                      wish={"WITH": "reset,more"}, options={"reconfiguration": []}, message="1 KB", messages="400")
    check(seen == "400 messages, 400000 bytes, 12 streams, 0 unordered, shut down" and told["streams in"] == 12, (seen, told))


def we_ask_about_streams():
    asked = [("1500 ms", {"reset-outgoing": [0, 1]}), ("1700 ms", {"reset-incoming": [0, 1]}), ("1900 ms", {"add-outgoing": 4}),
             ("2100 ms", {"add-incoming": 2}), ("2300 ms", "reset-tsns")]
    requests = [{"at": at, "ask": what} for at, what in asked]
    for way in CARRIED:
        for name, loss in (("good", {}), ("bad", BAD_LINK)):
            seen, told = meet(f"reset-client-{name}-{way}", way, "take", [f"{PERFORMED} && {KERNEL}", f"{RE_CONFIG} && {HOST}"],
                              wish={"WITH": "reset"}, options={"reconfiguration": requests}, message="1 KB", messages="400", **loss)
            check(seen == "400 messages, 400000 bytes, 12 streams, 0 unordered, shut down", seen)
            check(told["reset in"] >= 1 and told["reset out"] >= 1 and told["reset tsns"] == 1 and told["refused"] == 0, told)
            check(told["streams in"] == 12, told)


def usrsctp_moves():
    for name, loss in (("good", {}), ("bad", BAD_LINK)):
        live = exchange(f"move-{name}", "raw", 120, loss, pause=20, wish={"WITH": "move", "LATER": "10.77.1.1"}, extensions="true",
                        filters=[f"{ASCONF} && ip.src == 10.77.0.1", f"{ASCONF} && ip.src == 10.77.1.1", ASCONF_ACK, AUTH])
        # Add, set primary, delete: each was asked for, and nothing goes to the old address behind the last of them.
        requests = live.frames(f"{ASCONF} && (ip.src == 10.77.0.1 || ip.src == 10.77.1.1)")
        late = live.frames(f"sctp.chunk_type == 0 && ip.dst == 10.77.0.1 && frame.number > {int(requests[-1]) + 20}")
        check(len(requests) >= 3 and not late, f"requests {requests}, to the old address {late}")
        check(live.frames("sctp.chunk_type == 0 && ip.dst == 10.77.1.1"), "data go to the new address")


def we_move():
    for name, loss in (("good", {}), ("bad", BAD_LINK)):
        filters = [f"{ASCONF} && ip.dst == 10.77.0.1", f"{ASCONF_ACK} && {KERNEL}", "sctp.chunk_type == 0 && ip.src == 10.77.1.2"]
        seen, told = meet(f"move-client-{name}", "raw", "take", filters, wish={"WITH": "auth"}, scenario="sctp-move",
                          peers=("10.77.0.1,10.77.1.1", "10.77.0.2"), **loss)
        check(seen == "100 messages, 100000 bytes, 4 streams, 0 unordered, shut down", seen)
        check(told["addresses added"] == 1 and told["addresses removed"] == 1, told)


build()
suite(messages_come_back_on_their_streams, messages_come_back_over_a_bad_link, an_association_is_aborted,
      the_second_path_takes_over, the_simulated_host_sends_messages, the_simulated_host_sends_unordered_messages,
      messages_that_are_late_are_given_up, usrsctp_aborts, data_are_signed, all_that_can_be_is_signed_with_a_shared_key,
      messages_are_interleaved, interleaved_messages_are_given_up, usrsctp_asks_about_streams, we_ask_about_streams, usrsctp_moves,
      we_move)
