"""SCTP between usrsctp and a simulated host, bare and inside UDP."""

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


def exchange(name, way, count, loss, how="shutdown", local="10.77.0.1", filters=(), pause=None, limit=LIMIT, **parameters):
    """Messages from usrsctp to the simulated echo and back; returns the run."""
    with Live("sctp-echo", name, [CARRIED[way], *filters], **loss, **parameters) as live:
        environment = dict(os.environ, **({"PAUSE_MS": str(pause)} if pause else {}))
        done = subprocess.run([PEER, "client", way, local, "10.77.0.2", "7", str(count), how], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=limit, env=environment)
        check(done.returncode == 0, done.stdout)
        ending = "aborted" if how == "abort" else "shut down"
        check(last_line(done.stdout) == f"{count} messages, 0 bad, {ending}", done.stdout)
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

    def __init__(self, way, how, count, addresses):
        self.log = os.path.join(WORK, f"server-{way}-{how}")
        self.out = open(self.log, "w")
        self.process = subprocess.Popen([PEER, "server", way, *addresses, "5001", str(count), how],
                                        stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out)

    def __enter__(self):
        wait_for("usrsctp to listen", lambda: "listening" in self.text())
        return self

    def text(self):
        with open(self.log) as log:
            return log.read()

    def end(self):
        self.process.wait(LIMIT)
        return last_line(self.text())

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.out.close()


def client(name, way, how, filters=(), count=0, **parameters):
    """Messages from the simulated client to usrsctp; returns what that saw."""
    over = {"raw": "sctp", "udp": "sctp/udp"}[way]
    addresses = ("fd77::1", "fd77::2") if parameters.get("ip") == "v6" else ("10.77.0.1", "10.77.0.2")
    # The server's address exists only once the run has begun.
    with Gate() as gate, Live("sctp-client", name, [CARRIED[way], *filters], over=over, **parameters):
        with Server(way, how, count, addresses) as server:
            gate.open()
            return server.end()


def the_simulated_host_sends_messages():
    for way in CARRIED:
        for name, settings in (("good", {}), ("bad", BAD_LINK), ("ipv6", OVER_IPV6), ("bad-ipv6", {**OVER_IPV6, **BAD_LINK})):
            seen = client(f"client-{name}-{way}", way, "take", **settings)
            check(seen == "200 messages, 4000000 bytes, 8 streams, 0 unordered, shut down", seen)


def the_simulated_host_sends_unordered_messages():
    seen = client("unordered", "raw", "take", ordered="false", **BAD_LINK)
    check(seen == "200 messages, 4000000 bytes, 8 streams, 200 unordered, shut down", seen)


def messages_that_are_late_are_given_up():
    reliability = '{"retransmissions": 0}'
    seen = client("partial", "raw", "take", ["sctp.chunk_type == 192"], message="1 KB", messages="500",
                  reliability=reliability, loss="10 %")
    count = int(seen.split()[0])
    check(350 < count < 500 and seen.endswith("shut down"), seen)


def usrsctp_aborts():
    seen = client("aborted", "raw", "abort", ["sctp.chunk_type == 6 && ip.src == 10.77.0.1"], count=10)
    check(seen.startswith("10 messages") and seen.endswith("aborted"), seen)


build()
suite(messages_come_back_on_their_streams, messages_come_back_over_a_bad_link, an_association_is_aborted,
      the_second_path_takes_over, the_simulated_host_sends_messages, the_simulated_host_sends_unordered_messages,
      messages_that_are_late_are_given_up, usrsctp_aborts)
