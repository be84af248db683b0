"""Multipath TCP between the kernel and a simulated host; the kernel's own counters say that it was no fallback."""

import os
import socket

from interop import LIMIT, Live, check, connect, counters, echo, run, same, skip, suite, wait_for

IPPROTO_MPTCP = 262
SOL_MPTCP, MPTCP_INFO = 284, 1
CAPABLE, JOIN, DSS = (f"tcp.options.mptcp.subtype == {number}" for number in range(3))
ADD_ADDRESS, REMOVE_ADDRESS = (f"tcp.options.mptcp.subtype == {number}" for number in (3, 4))
FAST_CLOSE = "tcp.options.mptcp.subtype == 7"
SECOND = "10.77.1.1"
# When our client begins: the kernel's endpoints can be set only once its devices are there, which is long before.
START = "5 s"


def socket_of_both(family=socket.AF_INET):
    return socket.socket(family, socket.SOCK_STREAM, IPPROTO_MPTCP)


def setting(name, value):
    with open(f"/proc/sys/net/mptcp/{name}", "w") as file:
        file.write(str(value))


def endpoints(*words, subflows=2, accepted=2):
    """The kernel's endpoints, once its devices are there: one, described in words, or none."""
    for device in ("all", "nj0", "nj1"):
        with open(f"/proc/sys/net/ipv4/conf/{device}/rp_filter", "w") as file:
            file.write("0")
    # What is bound to the second device reaches the host's first address, too.
    run("ip", "route", "replace", "10.77.0.0/24", "dev", "nj1", "metric", "100")
    run("ip", "mptcp", "endpoint", "flush")
    run("ip", "mptcp", "limits", "set", "subflows", str(subflows), "add_addr_accepted", str(accepted))
    if words:
        run("ip", "mptcp", "endpoint", "add", *words)


def joined(connection):
    """How many subflows a connection has beside the first; of plain TCP the kernel tells nothing."""
    try:
        return connection.getsockopt(SOL_MPTCP, MPTCP_INFO, 100)[0]
    except OSError:
        return 0


class Counted:
    """What the kernel's counters of Multipath TCP gain."""

    def __enter__(self):
        self.before = counters()
        return self

    def gain(self, name):
        name = "MPTcpExt" + name
        check(name in self.before, f"the kernel has no counter {name}")
        return counters()[name] - self.before[name]

    def __exit__(self, *_):
        pass


# Slow enough that the quicker path alone is full, however busy the machine: a transfer takes both.
BOTH_NEEDED = "40 Mbit/s"


def kernel_connects(port=7):
    connection = socket_of_both()
    connection.settimeout(LIMIT)
    connection.connect(("10.77.0.2", port))
    return connection


def the_kernel_connects_and_joins():
    for checksum in (0, 1):
        with Live("mptcp-echo", f"joins-{checksum}", [CAPABLE, JOIN, DSS], rate=BOTH_NEEDED) as live, Counted() as count:
            setting("checksum_enabled", checksum)
            endpoints(SECOND, "dev", "nj1", "subflow")
            connection = kernel_connects()
            data = os.urandom(10_000_000)
            same(data, echo(connection, data))
            check(count.gain("MPCapableSYNACKRX") == 1, "the kernel saw our SYN-ACK")
            check(count.gain("MPCapableFallbackSYNACK") == 0, "no fallback")
            check(count.gain("MPJoinSynAckRx") >= 1, "the kernel has joined")
            check(count.gain("DataCsumErr") == 0 and count.gain("DSSCorruptionFallback") == 0, "no bad checksum")
            connection.close()
            setting("checksum_enabled", 0)
        carried = live.frames("tcp.len > 0 && ip.src == 10.77.1.1")
        check(len(carried) > 100, f"{len(carried)} segments of the kernel took the second path")
        carried = live.frames("tcp.len > 0 && ip.dst == 10.77.1.1")
        check(len(carried) > 100, f"{len(carried)} of ours did")


def the_kernel_joins_an_address_that_we_announce():
    with Live("mptcp-echo", "announced", [ADD_ADDRESS, JOIN]) as live, Counted() as count:
        endpoints()
        connection = kernel_connects()
        connection.sendall(b"x")
        check(connection.recv(10) == b"x", "the echo")
        wait_for("the kernel to join 10.77.1.2", lambda: joined(connection) == 1)
        data = os.urandom(3_000_000)
        same(data, echo(connection, data))
        check(count.gain("AddAddr") == 1, "the kernel took our ADD_ADDR, whose HMAC was right")
        connection.close()
    check(live.frames(f"{ADD_ADDRESS} && ip.src == 10.77.0.1"), "the kernel echoes it")


def a_path_dies_in_the_middle():
    with Live("mptcp-echo", "dies", [JOIN], rate="8 Mbit/s", dies="8 s") as live:
        endpoints()
        connection = kernel_connects()
        connection.sendall(b"x")
        check(connection.recv(10) == b"x", "the echo")
        wait_for("the kernel to join 10.77.1.2", lambda: joined(connection) == 1)
        data = os.urandom(20_000_000)
        same(data, echo(connection, data))
        connection.close()
    late = live.frames("tcp.len > 0 && ip.addr == 10.77.1.2 && frame.time_relative > 8")
    check(len(late) > 500, f"{len(late)} segments took the second path after the first had died")


def listening(port=5001):
    server = socket_of_both()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.settimeout(LIMIT)
    server.bind(("0.0.0.0", port))
    server.listen()
    return server


def take(connection):
    count = 0
    while part := connection.recv(1 << 18):
        check(not part.strip(b"\0"), "the client sends zeros")
        count += len(part)
    return count


def the_simulated_host_connects_and_joins():
    for name, options in (("plain", {}), ("checksum", {"checksum": "true"}), ("long", {"long-sequence": "true"}),
                          ("lossy", {"loss": "1 %", "checksum": "true"})):
        with Counted() as count, listening() as server:
            with Live("mptcp-client", "client-" + name, [CAPABLE, JOIN, DSS], start=START, rate=BOTH_NEEDED, **options) as live:
                endpoints()
                connection, peer = server.accept()
                check(peer[0] == "10.77.0.2", f"from {peer}")
                check(take(connection) == 10_000_000, "all of it")
                connection.close()
                check(count.gain("MPCapableACKRX") == 1, "the kernel saw our keys")
                check(count.gain("MPJoinAckRx") >= 1, "the kernel took our HMAC")
                check(count.gain("MPJoinAckHMacFailure") == 0, "no HMAC was wrong")
                check(count.gain("MPCapableFallbackACK") == 0, "no fallback")
                check(count.gain("DataCsumErr") == 0, "no checksum was wrong")
        carried = live.frames("tcp.len > 0 && ip.src == 10.77.1.2")
        check(len(carried) > 100, f"{len(carried)} segments took the second path")


def the_simulated_host_joins_an_address_that_the_kernel_announces():
    with Counted() as count, listening() as server:
        with Live("mptcp-client", "client-announced", [ADD_ADDRESS, JOIN], start=START,
                  **{"path-manager": "endpoints"}) as live:
            endpoints(SECOND, "dev", "nj1", "signal")
            connection, _ = server.accept()
            check(take(connection) == 10_000_000, "all of it")
            connection.close()
            check(count.gain("EchoAdd") == 1, "we echo the kernel's ADD_ADDR")
            check(count.gain("MPJoinAckRx") >= 1, "a subflow has joined")
    check(live.frames(f"{JOIN} && tcp.flags.syn == 1 && ip.dst == 10.77.1.1"), "we connect to the announced address")


def a_path_of_the_simulated_host_dies_in_the_middle():
    with listening() as server:
        with Live("mptcp-client", "client-dies", [JOIN], rate="8 Mbit/s", start=START, dies="8 s") as live:
            endpoints()
            connection, _ = server.accept()
            check(take(connection) == 10_000_000, "all of it")
            connection.close()
    late = live.frames("tcp.len > 0 && ip.src == 10.77.1.2 && frame.time_relative > 8")
    check(len(late) > 500, f"{len(late)} segments took the second path after the first had died")


def an_address_of_the_kernel_goes():
    with Live("mptcp-echo", "removed", [REMOVE_ADDRESS], rate="20 Mbit/s"):
        endpoints(SECOND, "dev", "nj1", "subflow", "id", "5", accepted=0)
        with Counted() as count:
            connection = kernel_connects()
            connection.sendall(b"x")
            check(connection.recv(10) == b"x", "the echo")
            wait_for("the second subflow", lambda: joined(connection) == 1)
            run("ip", "mptcp", "endpoint", "del", "id", "5")
            wait_for("it to be gone", lambda: joined(connection) == 0)
            data = os.urandom(1_000_000)
            same(data, echo(connection, data))
            check(count.gain("RmSubflow") >= 1, "the kernel removed it")
            connection.close()


def the_kernel_aborts():
    with Live("mptcp-echo", "kernel-aborts", [FAST_CLOSE]), Counted() as count:
        endpoints(SECOND, "dev", "nj1", "subflow", accepted=0)
        connection = kernel_connects(19)
        connection.recv(1 << 16)
        wait_for("the second subflow", lambda: joined(connection) == 1)
        connection.close()  # With data unread.
        wait_for("MP_FASTCLOSE", lambda: count.gain("MPFastcloseTx") >= 1)
        wait_for("all subflows to be gone", lambda: not run("ss", "-Htn", "dst", "10.77.0.2", "or", "dst", "10.77.1.2"))


def the_simulated_host_aborts():
    with Counted() as count, listening() as server:
        with Live("mptcp-client", "aborts", [FAST_CLOSE], bytes="1 GB", rate="20 Mbit/s", start=START, abort="8 s"):
            endpoints()
            connection, _ = server.accept()
            try:
                while connection.recv(1 << 18):
                    pass
                check(False, "the connection ends without a reset")
            except ConnectionResetError:
                pass
            connection.close()
            check(count.gain("MPFastcloseRx") >= 1, "the kernel understood MP_FASTCLOSE")


def options_are_stripped():
    """A gateway (the kernel's own netfilter) takes the options off: plain TCP both ways, and nobody is stuck."""
    table = """
        table ip strip {
          chain out { type filter hook output priority mangle; oifname "nj*" %s reset tcp option mptcp; }
          chain in { type filter hook prerouting priority mangle; iifname "nj*" %s reset tcp option mptcp; }
        }"""
    syn, synack = "tcp flags & (syn | ack) == syn", "tcp flags & (syn | ack) == syn | ack"
    cases = {"all": ("tcp dport 7", "tcp sport 7"), "syn": (f"tcp dport 7 {syn}", "tcp sport 8"),
             "syn-ack": ("tcp dport 8", f"tcp sport 7 {synack}"), "later": ("tcp dport 7 tcp flags & syn == 0", "tcp sport 8")}
    for name, (out, back) in cases.items():
        with Live("mptcp-echo", "stripped-" + name):
            endpoints(SECOND, "dev", "nj1", "subflow")
            try:
                run("nft", table % (out, back))
                connection = kernel_connects()
                data = os.urandom(1_000_000)
                same(data, echo(connection, data))
                check(joined(connection) == 0, "a connection that fell back has no further subflow")
                connection.close()
            finally:
                run("nft", "flush", "ruleset")
    for name, where in (("all", "iifname"), ("answers", "oifname")):
        hook = "prerouting" if where == "iifname" else "output"
        with listening() as server, Live("mptcp-client", "client-stripped-" + name, start=START) as live:
            endpoints()
            try:
                port = "dport" if where == "iifname" else "sport"
                run("nft", f"""table ip strip {{
                  chain c {{ type filter hook {hook} priority mangle; {where} "nj*" tcp {port} 5001 reset tcp option mptcp; }}
                }}""")
                connection, _ = server.accept()
                check(take(connection) == 10_000_000, "all of it")
                connection.close()
            finally:
                run("nft", "flush", "ruleset")
        check(not live.frames(JOIN), "nobody joins")


def plain_tcp_is_answered():
    with Live("mptcp-echo", "tcp"), Counted() as count:
        endpoints()
        connection = connect("10.77.0.2", 7)
        data = os.urandom(1_000_000)
        same(data, echo(connection, data))
        connection.close()
        check(count.gain("MPCapableSYNTX") == 0, "it was plain TCP")


if not os.path.exists("/proc/sys/net/mptcp/enabled"):
    skip("the kernel has no Multipath TCP")
setting("enabled", 1)
suite(the_kernel_connects_and_joins, the_kernel_joins_an_address_that_we_announce, a_path_dies_in_the_middle,
      the_simulated_host_connects_and_joins, the_simulated_host_joins_an_address_that_the_kernel_announces,
      a_path_of_the_simulated_host_dies_in_the_middle, an_address_of_the_kernel_goes, the_kernel_aborts,
      the_simulated_host_aborts, options_are_stripped, plain_tcp_is_answered)
