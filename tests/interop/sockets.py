"""Sockets in place of TUN devices, by a user without rights."""

import os
import socket

from interop import LIMIT, Live, check, echo, listener, run, same, suite, wait_for

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs")


def both_ways_without_any_right():
    server = listener(5001)
    reports = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    reports.settimeout(LIMIT)
    reports.bind(("127.0.0.1", 5001))
    with Live("without-root", "sockets", ["tcp.flags.fin == 1", "udp.dstport == 7", "coap"], prefix=NOBODY, loss="1 %"):
        upload, _ = server.accept()
        count = 0
        while part := upload.recv(1 << 18):
            count += len(part)
        check(count == 1_000_000, f"{count} bytes were uploaded")
        upload.close()
        check(len(reports.recv(2000)) == 64, "a report of 64 bytes")
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.settimeout(0.5)
        data = os.urandom(1000)

        def answered():
            client.sendto(data, ("127.0.0.1", 7007))
            try:
                return client.recv(2000) == data
            except TimeoutError:
                return False

        wait_for("a datagram to come back", answered)
        for size in (1, 3_000_000):
            data = os.urandom(size)
            connection = socket.create_connection(("127.0.0.1", 7007), timeout=LIMIT)
            same(data, echo(connection, data))
        text = run("coap-client-notls", "-B", "60", "coap://127.0.0.1:5683/test")
        check("a test resource" in text, text)


def who_ends_first_and_who_breaks_off():
    with Live("without-root", "ends", ["tcp.flags.reset == 1"], prefix=NOBODY):
        connection = socket.create_connection(("127.0.0.1", 7007), timeout=LIMIT)
        connection.sendall(b"x" * 100_000)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()  # With a reset, which the simulation has to see.
        again = socket.create_connection(("127.0.0.1", 7007), timeout=LIMIT)
        again.sendall(b"still there?")
        check(again.recv(100) == b"still there?", "the host lives")
        # Nobody listens at 127.0.0.1:5001: the simulated client's connection is broken off, too.
        again.close()


suite(both_ways_without_any_right, who_ends_first_and_who_breaks_off)
