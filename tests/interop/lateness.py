"""How far a live run is behind the clock at 1,000 packets a second from outside: a measurement, which fails only where packets are lost.

Not one of the suites that run by themselves: it says something about the program on an idle machine only."""

import os
import socket
import time

from interop import LIMIT, Live, check, ok, suite

RATE, SECONDS = 1000, 10


def a_thousand_packets_a_second():
    with Live("tcp-echo", "lateness", pcap=False) as live:
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect(("10.77.0.2", 7))
        client.setblocking(False)
        begun, sent, came = time.monotonic(), 0, 0
        while came < RATE * SECONDS and time.monotonic() < begun + SECONDS + LIMIT:
            if sent < min(RATE * SECONDS, int((time.monotonic() - begun) * RATE)):
                client.send(b"%8d" % sent)
                sent += 1
            else:
                time.sleep(0.0002)
            try:
                while client.recv(100):
                    came += 1
            except BlockingIOError:
                pass
        took = time.monotonic() - begun
        check(came == sent, f"{came} of {sent} datagrams came back")
    load = os.getloadavg()[0]
    ok(f"{sent / took:.0f} datagrams a second and as many back, load average {load:.1f} on {os.cpu_count()} cores: "
       f"{live.stats['lateness_p99_ms']} ms behind in 99 % of the steps, {live.stats['lateness_max_ms']} ms at most")


suite(a_thousand_packets_a_second)
