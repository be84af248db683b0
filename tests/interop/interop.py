"""What all suites use: live runs, peers in this or another network namespace, and captures."""

import hashlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SCENARIOS = os.path.join(HERE, "..", "..", "scenarios", "live")
PROGRAM, WORK = sys.argv[1], sys.argv[2]
# Generous: the machine may be busy. Nothing waits for a time where it can wait for an event.
LIMIT = 120


class Failed(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failed(what)


def ok(what):
    print("ok", what, flush=True)


def run(*command, netns=None, good=(0,)):
    """Runs a command to its end and returns its output."""
    if netns:
        command = ("ip", "netns", "exec", netns) + command
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT)
    check(done.returncode in good, f"{' '.join(command)} exits {done.returncode}: {done.stdout[-2000:]}")
    return done.stdout


def wait_for(what, probe, limit=LIMIT):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if result := probe():
            return result
        time.sleep(0.02)
    raise Failed(f"waited {limit} s in vain for {what}")


class Live:
    """A live run of a shipped scenario; its end is checked as strictly as its beginning."""

    def __init__(self, scenario, name, filters=(), pcap=True, extra=(), **parameters):
        self.folder = os.path.join(WORK, name)
        os.makedirs(self.folder)
        self.scenario = os.path.join(SCENARIOS, scenario + ".json")
        self.sets = [part for key, value in parameters.items() for part in ("--set", f"{key}={value}")]
        self.pcap, self.filters = pcap, filters
        self.out = os.path.join(self.folder, "out")
        self.log = os.path.join(self.folder, "live.log")
        command = [PROGRAM, "live", self.scenario, "--stats", "--out", self.out, *self.sets, *extra]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                command + (["--pcap"] if pcap else []), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def joined():
            check(self.process.poll() is None, f"netjoule ended at once: {self.text()}")
            return "Ctrl-C ends" in self.text()

        wait_for("netjoule to join", joined)

    def text(self):
        with open(self.log) as log:
            return log.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.end()
        elif self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def end(self):
        """Ends the run as Ctrl-C does; its capture is flawless and its recording gives the same run."""
        self.process.send_signal(signal.SIGINT)
        check(self.process.wait(LIMIT) == 0, f"netjoule exits {self.process.returncode}: {self.text()}")
        self.stats = json.loads(self.text().strip().splitlines()[-1])
        if self.pcap:
            wanted = [part for filter in self.filters for part in ("-p", filter)]
            run(os.path.join(HERE, "pcap_check"), *wanted, self.capture())
        again = os.path.join(self.folder, "again")
        recording = os.path.join(self.out, "outside.recording")
        run(PROGRAM, "run", self.scenario, "--quiet", "--out", again, *self.sets, "--replay", recording)
        check(self.digest(self.out) == self.digest(again), "the replay is another run")

    @staticmethod
    def digest(folder):
        with open(os.path.join(folder, "manifest.json")) as manifest:
            return [run["digest"] for run in json.load(manifest)["runs"]]

    def capture(self):
        return os.path.join(self.out, "capture", "p0000-r00.pcapng")

    def rows(self, table):
        with open(os.path.join(self.out, table)) as lines:
            head, *rest = [line.rstrip("\n").split(",") for line in lines]
        return [dict(zip(head, row)) for row in rest]

    def frames(self, filter):
        return run("tshark", "-n", "-r", self.capture(), "-Y", filter, "-T", "fields", "-e", "frame.number").split()


def counters():
    """The kernel's counters of TCP in this namespace, by name."""
    values = {}
    for file in ("/proc/net/netstat", "/proc/net/snmp"):
        with open(file) as lines:
            for head, row in zip(*[iter(lines)] * 2):
                prefix, *names = head.split()
                values.update({prefix[:-1] + name: int(value) for name, value in zip(names, row.split()[1:])})
    return values


def connect(address, port, options=()):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.settimeout(LIMIT)
    for option in options:
        connection.setsockopt(*option)
    connection.connect((address, port))
    return connection


def tcp_info(connection):
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    names = "state ca_state retransmits probes backoff options scales flags".split()
    values = dict(zip(names, info[:8]))
    words = struct.unpack("24I", info[8:104])
    values.update(snd_mss=words[2], retrans=words[7], pmtu=words[13], total_retrans=words[23])
    return values


TIMESTAMPS, SACK, WINDOW_SCALE, ECN = 1, 2, 4, 8


def echo(connection, data):
    """Sends `data` and reads at the same time until the peer closes; returns what came."""
    problem = []

    def send():
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except OSError as error:
            problem.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    came = bytearray()
    while part := connection.recv(1 << 18):
        came += part
    sender.join(LIMIT)
    check(not problem, f"sending failed: {problem}")
    return bytes(came)


def same(sent, came):
    check(len(sent) == len(came), f"sent {len(sent)} bytes, got {len(came)}")
    check(hashlib.sha256(sent).digest() == hashlib.sha256(came).digest(), "the bytes differ")


def listener(port, family=socket.AF_INET):
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.settimeout(LIMIT)
    server.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    server.listen()
    return server


def suite(*cases):
    """Runs the cases; the first failure ends the suite."""
    for case in cases:
        begun = time.monotonic()
        try:
            case()
        except (Failed, OSError, subprocess.SubprocessError) as error:
            print(f"FAILED {case.__name__}: {type(error).__name__}: {error}", flush=True)
            sys.exit(1)
        ok(f"{case.__name__} ({time.monotonic() - begun:.1f} s)")
