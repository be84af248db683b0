"""ICMP, path MTU and UDP between the kernel and simulated hosts and routers."""

import os
import socket

from interop import LIMIT, Live, check, run, suite, wait_for

HOSTS = ("10.77.0.2", "fd77::2")


def pings_are_answered():
    with Live("tcp-echo", "ping", ["icmp.type == 0", "icmpv6.type == 129"]):
        for host in HOSTS:
            for size in (0, 56, 1400, 4000):
                text = run("ping", "-n", "-c", "3", "-i", "0.05", "-W", "10", "-s", str(size), host)
                check("3 received" in text, text)


def datagrams_of_all_sizes_come_back():
    with Live("tcp-echo", "udp", ["ip.proto == 17 && ip.flags.mf == 1", "ipv6.fraghdr"]):
        for host in HOSTS:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            client = socket.socket(family, socket.SOCK_DGRAM)
            client.settimeout(LIMIT)
            for size in [*range(0, 60), 1452, 1453, 1472, 1473, 2952, 8000, 20_000, 60_000]:
                data = os.urandom(size)
                client.sendto(data, (host, 7))
                came, sender = client.recvfrom(65_535)
                check(came == data and sender[:2] == (host, 7), f"{size} bytes to {host}")
            client.sendto(b"?", (host, 19))
            check(len(client.recv(65_535)) == 512, "512 characters")


def a_closed_port_is_told():
    with Live("tcp-echo", "closed", ["icmp.type == 3 && icmp.code == 3", "icmpv6.type == 1 && icmpv6.code == 4"]):
        for host in HOSTS:
            client = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
            client.settimeout(LIMIT)
            client.connect((host, 45_678))
            client.send(b"?")
            try:
                client.recv(10)
            except ConnectionRefusedError:
                continue
            check(False, "a datagram came from a closed port")


def routes_are_traced():
    with Live("narrow-path", "trace", ["icmp.type == 11", "icmpv6.type == 3"]):
        run("ip", "route", "add", "10.79.0.0/24", "via", "10.77.0.254")
        run("ip", "route", "add", "fd79::/64", "via", "fd77::fe")
        for host, router, option in (("10.79.0.2", "10.77.0.254", "-4"), ("fd79::2", "fd77::fe", "-6")):
            text = run("traceroute", option, "-n", "-w", "10", "-q", "1", host)
            hops = [line.split()[1] for line in text.splitlines()[1:]]
            check(hops == [router, host], text)


def the_path_mtu_is_discovered():
    with Live("narrow-path", "mtu", ["icmp.type == 3 && icmp.code == 4 && icmp.mtu == 1280", "icmpv6.type == 2"]):
        run("ip", "route", "add", "10.79.0.0/24", "via", "10.77.0.254")
        run("ip", "route", "add", "fd79::/64", "via", "fd77::fe")
        for host in ("10.79.0.2", "fd79::2"):
            text = run("ping", "-n", "-c", "1", "-W", "10", "-M", "do", "-s", "1400", host, good=(0, 1))
            wait_for("the kernel to learn it", lambda: "mtu 1280" in run("ip", "route", "get", host))
            text = run("ping", "-n", "-c", "1", "-W", "10", "-M", "do", "-s", "1200", host)
            check("1 received" in text, text)
            connection = socket.create_connection((host, 7), timeout=LIMIT)
            data = os.urandom(200_000)
            connection.sendall(data)
            came = bytearray()
            while len(came) < len(data):
                came += connection.recv(65_536)
            check(came == data, "TCP over the narrow path")
            connection.close()


suite(pings_are_answered, datagrams_of_all_sizes_come_back, a_closed_port_is_told, routes_are_traced,
      the_path_mtu_is_discovered)
