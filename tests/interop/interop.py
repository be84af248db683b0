"""What all suites use: live runs, peers in this or another network namespace, and captures."""

import hashlib
import json
import os
import shutil
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


def skip(why):
    """Ends the suite, because this machine cannot run it."""
    print("skipped:", why, flush=True)
    sys.exit(1)


def ok(what):
    print("ok", what, flush=True)


def run(*command, netns=None, good=(0,)):
    """Runs a command to its end and returns its output."""
    if netns:
        command = ("ip", "netns", "exec", netns) + command
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LIMIT)
    check(done.returncode in good,
          f"{' '.join(command)} exits {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def wait_for(what, probe, limit=LIMIT):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if result := probe():
            return result
        time.sleep(0.02)
    raise Failed(f"waited {limit} s in vain for {what}")


# Linux writes a TCP checksum of 0 as 0xffff where it computes it in software (skb_checksum_help): the same number in one's
# complement, but not the one that RFC 1624 wants. All addresses of kernels end in 1.
KERNELS = ("ip.src == 10.77.0.1", "ip.src == 10.77.1.1", "ip.src == 10.78.0.1", "ipv6.src == fd77::1",
           "ipv6.src == fd77:0:0:1::1", "ipv6.src == fd78::1")
CHECKED = ("ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE", "sctp.checksum:CRC 32c",
           "ip.tso_support:FALSE", "tcp.no_subdissector_on_error:FALSE")
BAD = ("(_ws.malformed || _ws.short || _ws.expert.severity >= 0x00800000 || "
       + " || ".join(f"{protocol}.checksum.status == 0" for protocol in ("ip", "tcp", "udp", "icmp", "icmpv6"))
       + " || sctp.checksum.status == 0 && !icmp && !icmpv6"
       # It takes the checksum of an SCTP packet that an ICMP error quotes over the part that is quoted.
       + ') && !((icmp || icmpv6) && _ws.expert.message contains "Bad SCTP checksum"'
       + f") && !(tcp.checksum == 0xffff && ({' || '.join(KERNELS)}))"
       # Wireshark 4.0 takes a segment that comes again for an error where it puts a message of many segments together. Whoever
       # reads the message compares the bytes.
       + ' && !(tcp.analysis.retransmission && _ws.expert.message == "New fragment overlaps old data (retransmission?)")')


def guesses():
    """Words that keep tshark from guessing by its looks what a stream or a datagram carries: random bytes look like anything."""
    words = []
    for line in run("tshark", "-G", "heuristic-decodes").splitlines():
        below, protocol, *_ = line.split("\t")
        if below in ("tcp", "udp") and protocol.isalnum() and protocol not in ("http", "coap", "sctp"):
            words += ["--disable-protocol", protocol]
    return words


def judge(capture, wanted=(), options=(), forgiven=()):
    """Fails on frames that Wireshark finds malformed, with an expert error or a wrong checksum, and where no frame matches one of
    the wanted filters."""
    bad = " && ".join([f"({BAD})", *(f"!({filter})" for filter in forgiven)])
    filters = ["frame", bad, *wanted]
    tshark = ["tshark", "-n", "-r", capture, *guesses(), *options, *(part for preference in CHECKED for part in ("-o", preference))]
    text = run(*tshark, "-q", "-z", "io,stat,0," + ",".join(filters))
    rows = [line.split("|") for line in text.splitlines() if "<>" in line]
    check(len(rows) == 1, text)
    # A column of frames and one of bytes for each filter.
    counts = [int(cell) for cell in rows[0][2:] if cell.strip()][::2]
    if counts[1] > 0:
        lines = run(*tshark, "-Y", bad, "-T", "fields", "-e", "frame.number", "-e", "frame.protocols", "-e",
                    "_ws.expert.message").splitlines()
        raise Failed(f"{counts[1]} bad frames in {capture}: " + "; ".join(line[:240] for line in lines[:5]))
    for filter, count in zip(filters, counts):
        check(filter == bad or count > 0, f"no frame of {capture} matches '{filter}'")


class Live:
    """A live run of a shipped scenario; its end is checked as strictly as its beginning."""

    runs = 0

    def __init__(self, scenario, name, filters=(), pcap=True, extra=(), tshark=(), forgiven=(), prefix=(), **parameters):
        self.folder = os.path.join(WORK, name)
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o777)
        self.scenario, program = os.path.join(SCENARIOS, scenario + ".json"), PROGRAM
        if prefix:  # Another user may not see where they are.
            self.scenario, program = (shutil.copy(file, self.folder) for file in (self.scenario, PROGRAM))
        # A seed of its own for each run: a peer that outlives one must not take the next one's messages for repetitions.
        Live.runs += 1
        self.sets = ["--seed", str(Live.runs)] + [part for key, value in parameters.items() for part in ("--set", f"{key}={value}")]
        self.pcap, self.filters, self.tshark, self.forgiven = pcap, filters, tshark, forgiven
        self.out = os.path.join(self.folder, "out")
        self.log = os.path.join(self.folder, "live.log")
        command = [*prefix, program, "live", self.scenario, "--stats", "--out", self.out, *self.sets, *extra]
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
            # What went wrong is looked for in the capture.
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def end(self):
        """Ends the run as Ctrl-C does; its capture is flawless and its recording gives the same run."""
        self.process.send_signal(signal.SIGINT)
        check(self.process.wait(LIMIT) == 0, f"netjoule exits {self.process.returncode}: {self.text()}")
        self.stats = json.loads(self.text().strip().splitlines()[-1])
        if self.pcap:
            judge(self.capture(), self.filters, self.tshark, self.forgiven)
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


class Gate:
    """Keeps out what comes from the simulated network, from before it is there until somebody is ready for it: whoever begins there
    repeats its first packet."""

    def __enter__(self):
        run("nft", """table inet gate {
          chain in { type filter hook prerouting priority raw; iifname "nj*" drop; }
        }""")
        self.closed = True
        return self

    def open(self):
        if self.closed:
            run("nft", "delete", "table", "inet", "gate")
            self.closed = False

    def __exit__(self, *_):
        self.open()


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


TIMESTAMPS, SACK, WINDOW_SCALE, ECN, SYN_DATA = 1, 2, 4, 8, 32


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
        except Exception as error:
            print(f"FAILED {case.__name__}: {type(error).__name__}: {error}", flush=True)
            sys.exit(1)
        ok(f"{case.__name__} ({time.monotonic() - begun:.1f} s)")
