"""TCP between the kernel and a simulated host."""

import os
import re
import socket
import struct
import time

from interop import (ECN, LIMIT, SACK, SYN_DATA, TIMESTAMPS, WINDOW_SCALE, Live, check, connect, counters, echo, listener, run,
                     same, suite, tcp_info, wait_for)

HOSTS = ("10.77.0.2", "fd77::2")
# Of the simulated client: the family, the kernel's address, its own.
CLIENTS = (("v4", "10.77.0.1", "10.77.0.2"), ("v6", "fd77::1", "fd77::2"))
BAD_LINK = {"loss": "1 %", "reorder": "1 %", "duplicate": "1 %"}
OPTIONS = TIMESTAMPS | SACK | WINDOW_SCALE


def ten_megabytes_each_way_at_the_same_time():
    with Live("tcp-echo", "echo", ["tcp.flags.fin == 1"]):
        for host in HOSTS:
            data = os.urandom(10_000_000)
            connection = connect(host, 7)
            check(tcp_info(connection)["options"] & OPTIONS == OPTIONS, "timestamps, SACK, window scale")
            same(data, echo(connection, data))


def ten_megabytes_each_way_over_a_bad_link():
    with Live("tcp-echo", "bad", ["tcp.options.sack_le"], **BAD_LINK) as live:
        for host in HOSTS:
            data = os.urandom(10_000_000)
            connection = connect(host, 7)
            same(data, echo(connection, data))
            check(tcp_info(connection)["total_retrans"] > 0, "the kernel repeats segments")
    wire = [row for row in live.rows("links.csv") if row["link"] == "wire"]
    check(all(int(row["dropped_loss"]) > 50 and int(row["duplicated"]) > 50 for row in wire), "the link was bad")


def addresses(family, kernel, host):
    length = 64 if family == "v6" else 24
    return {"ip": family, "kernel": f"{kernel}/{length}", "host": f"{host}/{length}"}


def listening(family):
    return listener(5001, socket.AF_INET6 if family == "v6" else socket.AF_INET)


def the_simulated_host_connects():
    for family, kernel, host in CLIENTS:
        for name, link in (("good", {}), ("bad", BAD_LINK)):
            # Whoever listens is there before the client begins.
            with listening(family) as server, Live("tcp-client", f"client-{name}-{family}", ["tcp.flags.fin == 1"],
                                                   **addresses(family, kernel, host), **link):
                connection, peer = server.accept()
                check(peer[0] == host, f"from {peer}")
                check(tcp_info(connection)["options"] & OPTIONS == OPTIONS, "timestamps, SACK, window scale")
                count = 0
                while part := connection.recv(1 << 18):
                    check(not part.strip(b"\0"), "the client sends zeros")
                    count += len(part)
                check(count == 10_000_000, f"{count} bytes")
                # The client has closed first; now the kernel closes, and the connection is over on both sides.
                connection.close()
                wait_for("the kernel to forget it", lambda: host not in run("ss", "-Htn", "state", "last-ack"))


def fast_open(mode):
    """Lets the kernel use TCP Fast Open: 1 as client, 2 as server (ip-sysctl)."""
    with open("/proc/sys/net/ipv4/tcp_fastopen", "w") as file:
        file.write(str(mode))


DATA_IN_SYN = "tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.len > 0"


def the_kernel_opens_fast():
    fast_open(1)
    with Live("tcp-echo", "fast-kernel", ["tcp.options.tfo.request", DATA_IN_SYN], **{"fast-open": "true"}):
        for host in HOSTS:
            before = counters()
            for number in range(2):  # The first asks for a cookie, the second has one.
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                connection = socket.socket(family, socket.SOCK_STREAM)
                data = b"at once %d" % number
                connection.sendto(data, socket.MSG_FASTOPEN, (host, 7))
                connection.settimeout(LIMIT)
                check(connection.recv(100) == data, "the echo")
                check(bool(tcp_info(connection)["options"] & SYN_DATA) == (number == 1), "data in the second SYN, acknowledged")
                connection.close()
            gain = {name: counters()[name] - before[name] for name in before if "FastOpen" in name}
            check(gain["TcpExtTCPFastOpenActive"] == 1 and gain["TcpExtTCPFastOpenActiveFail"] == 0, gain)


def the_simulated_host_opens_fast():
    fast_open(2)
    for family, kernel, host in CLIENTS:
        before = counters()
        with listening(family) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)
            with Live("tcp-client", "fast-client-" + family, ["tcp.options.tfo.request", DATA_IN_SYN], bytes="2 KB", again="3 s",
                      **{"fast-open": "true"}, **addresses(family, kernel, host)):
                for size in (2000, 1000):
                    connection, _ = server.accept()
                    count = 0
                    while part := connection.recv(1 << 18):
                        count += len(part)
                    check(count == size, f"{count} bytes")
                    connection.close()
        gain = {name: counters()[name] - before[name] for name in before if "FastOpen" in name}
        # One cookie was given, and one SYN's data taken.
        check(gain["TcpExtTCPFastOpenCookieReqd"] == 1 and gain["TcpExtTCPFastOpenPassive"] == 1, gain)
        check(gain["TcpExtTCPFastOpenPassiveFail"] == 0, gain)


def either_side_closes_first():
    with Live("tcp-echo", "close", ["tcp.flags.fin == 1"]):
        for host in HOSTS:
            for half in (True, False):
                connection = connect(host, 7)
                connection.sendall(b"last words")
                check(connection.recv(100) == b"last words", "the echo")
                if half:
                    connection.shutdown(socket.SHUT_WR)
                    check(connection.recv(100) == b"", "the host closes, too")
                connection.close()
        wait_for("all to be closed", lambda: not run("ss", "-Htn", "state", "connected", "exclude", "time-wait"))


def resets_are_understood():
    with Live("tcp-echo", "reset", ["tcp.flags.reset == 1 && ip.src == 10.77.0.2"]):
        for host in HOSTS:
            try:
                connect(host, 45_678)
                check(False, "nobody listens there")
            except ConnectionRefusedError:
                pass
            connection = connect(host, 7)
            connection.sendall(b"x" * 100_000)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()  # With a reset.
            again = connect(host, 7)
            again.sendall(b"still there?")
            check(again.recv(100) == b"still there?", "the host lives")
            again.close()


def round_of_characters():
    ring = [bytes((32 + (first + place) % 95) for place in range(72)) + b"\r\n" for first in range(95)]
    return b"".join(ring)


def the_kernel_closes_its_window():
    with Live("tcp-echo", "window", ["tcp.window_size_value == 0 && ip.src == 10.77.0.1"]):
        for host in HOSTS:
            connection = connect(host, 19, [(socket.SOL_SOCKET, socket.SO_RCVBUF, 20_000)])
            before = counters()["TcpExtTCPToZeroWindowAdv"]
            wait_for("a window of zero", lambda: counters()["TcpExtTCPToZeroWindowAdv"] > before)
            time.sleep(1)  # Longer than the first probe takes.
            came = bytearray()
            while len(came) < 3_000_000:
                came += connection.recv(1 << 18)
            pattern = round_of_characters()
            whole = pattern * (len(came) // len(pattern) + 1)
            check(came == whole[: len(came)], "characters are missing")
            connection.close()


def the_simulated_host_closes_its_window():
    with Live("tcp-echo", "full", ["tcp.window_size_value == 0 && ip.src == 10.77.0.2"]):
        for host in HOSTS:
            connection = connect(host, 7, [(socket.SOL_SOCKET, socket.SO_RCVBUF, 20_000)])
            connection.setblocking(False)
            data, sent = os.urandom(8_000_000), 0

            def full():
                """Whether the kernel takes no more and has probed twice: by the first probe it fills what is left of a window."""
                nonlocal sent
                try:
                    sent += connection.send(data[sent : sent + 65_536])
                    return False
                except BlockingIOError:
                    state = run("ss", "-Htino", "dst", f"[{host}]" if ":" in host else host)
                    # The count beside the timer is that of probes without an answer; ours are answered.
                    return "timer:(persist," in state and bool(re.search(r" backoff:([2-9]|\d\d)", state))

            end = time.monotonic() + LIMIT
            while not full() and time.monotonic() < end:
                pass
            check(0 < sent < len(data), f"{sent} bytes were taken")
            connection.settimeout(LIMIT)
            came = bytearray()
            while len(came) < sent:
                came += connection.recv(1 << 18)
            same(data[:sent], bytes(came))
            connection.close()


def an_idle_connection_is_kept_alive():
    with Live("tcp-echo", "keep-alive", ["tcp.analysis.keep_alive_ack"]):
        tcp = socket.IPPROTO_TCP
        options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (tcp, socket.TCP_KEEPIDLE, 1),
                   (tcp, socket.TCP_KEEPINTVL, 1), (tcp, socket.TCP_KEEPCNT, 3)]
        connections = [connect(host, 7, options) for host in HOSTS]
        before = counters()["TcpExtTCPKeepAlive"]
        wait_for("probes", lambda: counters()["TcpExtTCPKeepAlive"] >= before + 8)
        for connection in connections:
            connection.sendall(b"awake")
            check(connection.recv(100) == b"awake", "alive after probes")
            connection.close()


def congestion_is_marked():
    queue = '{"red": {"min": 20, "max": 60, "limit": "400 packets", "ecn": true}}'
    with Live("tcp-client", "ecn", ["ip.dsfield.ecn == 3", "tcp.flags.ece == 1", "tcp.flags.cwr == 1"], ecn="true",
              rate="20 Mbit/s", queue=queue):
        server = listener(5001)
        connection, _ = server.accept()
        check(tcp_info(connection)["options"] & ECN, "ECN is agreed upon")
        count = 0
        while part := connection.recv(1 << 18):
            count += len(part)
        check(count == 10_000_000, f"{count} bytes")
        connection.close()


suite(ten_megabytes_each_way_at_the_same_time, ten_megabytes_each_way_over_a_bad_link, the_simulated_host_connects,
      the_kernel_opens_fast, the_simulated_host_opens_fast, either_side_closes_first, resets_are_understood, the_kernel_closes_its_window,
      the_simulated_host_closes_its_window, an_idle_connection_is_kept_alive, congestion_is_marked)
