"""A simulated lossy router between two kernels: curl on one side, nginx on the other."""

import collections
import hashlib
import os
import subprocess

from interop import LIMIT, WORK, Live, check, run, suite, wait_for

FIELDS = ["ip.src", "ip.id", "ip.frag_offset", "ipv6.src", "ipv6.flow", "tcp.srcport", "tcp.seq_raw", "tcp.ack_raw",
          "tcp.len", "tcp.options.timestamp.tsval", "tcp.options.timestamp.tsecr", "tcp.flags", "tcp.checksum"]


def packets(file):
    """The TCP packets of a capture as a multiset: what a router leaves as it is."""
    options = [part for field in FIELDS for part in ("-e", field)]
    text = run("tshark", "-n", "-r", file, "-Y", "tcp.port == 80", "-T", "fields", *options)
    return collections.Counter(text.splitlines())


def nginx(folder, content):
    os.makedirs(folder)
    with open(os.path.join(folder, "file"), "wb") as file:
        file.write(content)
    os.chmod(WORK, 0o755)
    configuration = os.path.join(folder, "nginx.conf")
    with open(configuration, "w") as file:
        file.write(f"user root; daemon off; pid {folder}/pid; error_log {folder}/error; worker_processes 1;"
                   f"events {{}} http {{ access_log off; server {{ listen 80; listen [::]:80; root {folder}; }} }}")
    return subprocess.Popen(["ip", "netns", "exec", "right", "nginx", "-c", configuration])


def capturing(device, file, netns=None):
    command = ["dumpcap", "-q", "-B", "64", "-i", device, "-f", "tcp", "-w", file]
    if netns:
        command = ["ip", "netns", "exec", netns] + command
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for("dumpcap", lambda: "File:" in process.stderr.readline())
    return process


def downloads_cross_the_router_intact():
    run("ip", "netns", "add", "right")
    # The capture has each packet twice, before and behind the router, which confuses the reassembly of HTTP.
    with Live("lossy-router", "router", ["tcp"], tshark=["--disable-protocol", "http"], loss="1 %") as live:
        run("ip", "link", "set", "nj1", "netns", "right")
        for command in ("link set lo up", "address add 10.78.0.1/24 dev nj1", "address add fd78::1/64 dev nj1 nodad",
                        "link set nj1 up", "route add default via 10.78.0.254", "-6 route add default via fd78::fe"):
            run("ip", "-n", "right", *command.split())
        run("ip", "route", "add", "10.78.0.0/24", "via", "10.77.0.254")
        run("ip", "route", "add", "fd78::/64", "via", "fd77::fe")
        content = os.urandom(5_000_000)
        server = nginx(os.path.join(WORK, "www"), content)
        before, behind = os.path.join(WORK, "left.pcapng"), os.path.join(WORK, "right.pcapng")
        captures = [capturing("nj0", before), capturing("nj1", behind, "right")]
        try:
            # Waits by asking; a failed attempt leaves no trace but packets, which are counted like all others.
            wait_for("nginx", lambda: "LISTEN" in run("ss", "-ltn", "sport = :80", netns="right"))
            for host in ("10.78.0.1", "[fd78::1]"):
                got = subprocess.run(["curl", "-sS", "--max-time", str(LIMIT), f"http://{host}/file"],
                                     stdout=subprocess.PIPE, check=True).stdout
                check(hashlib.sha256(got).digest() == hashlib.sha256(content).digest(), f"{len(got)} bytes differ")
            wait_for("connections to end", lambda: ":80" not in run(
                "ss", "-Htan", "state", "connected", "exclude", "time-wait", netns="right"))
            # Packets that are on their way arrive within the delay and the queue of the router, far below a second; whoever
            # writes them down may be later.
            sizes = []

            def settled():
                sizes.append([os.path.getsize(file) for file in (before, behind)])
                return len(sizes) > 100 and sizes[-1] == sizes[-100]

            wait_for("the captures to end", settled)
        finally:
            for capture in captures:
                capture.terminate()
                capture.wait()
            server.terminate()
            server.wait()
    left, right = packets(before), packets(behind)
    far = {row["from"]: row for row in live.rows("links.csv") if row["link"] == "far"}
    for name, sent, came, sources in (
            ("router", left, right, ("10.77.0.1", "fd77::1")), ("right", right, left, ("10.78.0.1", "fd78::1"))):
        own = lambda counter: collections.Counter(
            {line: count for line, count in counter.items() if line.startswith(sources) or sources[1] in line.split("\t")[:4]})
        sent, came = own(sent), own(came)
        check(not came - sent, f"packets that nobody sent: {list((came - sent).items())[:3]}")
        row = far[name]
        missing = sum((sent - came).values())
        logged = int(row["dropped_loss"]) + int(row["dropped_queue"])
        check(missing == logged > 0, f"{missing} packets are missing, the router logged {logged}")


suite(downloads_cross_the_router_intact)
