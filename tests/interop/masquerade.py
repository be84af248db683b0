"""The kernel's masquerade between a simulated client and a simulated server."""

import subprocess

from interop import Live, check, run, skip, suite, wait_for


def a_simulated_connection_crosses_the_kernels_nat():
    run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    rules = 'table ip nat { chain post { type nat hook postrouting priority srcnat; oifname "nj1" masquerade; }; }'
    told = subprocess.run(["nft", rules], stderr=subprocess.PIPE, text=True)
    if told.returncode:
        skip(f"the kernel does not masquerade: {told.stderr.strip()}")
    with Live("masquerade", "nat", ["tcp.flags.fin == 1 && ip.src == 10.78.0.1"]) as live:
        wait_for("the connection in the kernel's table", lambda: "dst=10.78.0.2" in connections())
        entry = connections()
        check("src=10.77.0.2 dst=10.78.0.2" in entry and "src=10.78.0.2 dst=10.78.0.1" in entry, entry)
        wait_for("its end", lambda: "TIME_WAIT" in connections())
    # The server never saw the client's own address, and got every byte: its last acknowledgement is 1 MB and SYN and FIN.
    check(not live.frames("ip.src == 10.77.0.2 && ip.dst == 10.78.0.2 && frame.interface_name contains \"server\""),
          "the server saw the client")
    check(live.frames("ip.src == 10.78.0.2 && tcp.ack == 1000002"), "all bytes were acknowledged")


def connections():
    with open("/proc/net/nf_conntrack") as table:
        return "".join(line for line in table if "dst=10.78.0.2" in line)


suite(a_simulated_connection_crosses_the_kernels_nat)
