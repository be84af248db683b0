"""CoAP between aiocoap or libcoap and simulated hosts, in both roles."""

import asyncio
import logging
import os
import subprocess

import aiocoap
import aiocoap.numbers.constants
import aiocoap.resource

from interop import LIMIT, WORK, Live, check, run, suite, wait_for

HOSTS = ("10.77.0.2", "[fd77::2]")
LARGE = bytes(place % 251 for place in range(100_000))
BAD_LINK = {"loss": "3 %", "reorder": "2 %", "duplicate": "2 %"}
# libcoap's Request-Tag is called an invalid option by tshark 4.0, which does not know RFC 9175.
KNOWN = ("coap.invalid_option_number",)
# It reads the options of CoAP's signals by the numbers of ordinary ones, too (RFC 8323 §5.2 gives them their own).
SIGNALS = ("coap.code >= 225 && coap.code <= 229",) + KNOWN
# It guesses what IEEE 802.15.4 carries, and takes some first fragments for ZigBee.
LOWPAN = ("--disable-protocol", "zbee_nwk", "-o", "6lowpan.context0:fd79::/64")
# On a link of 2 ms there and back, waiting two seconds for each loss proves nothing more.
aiocoap.numbers.constants.TransportTuning.ACK_TIMEOUT = 0.3
logging.getLogger("coap").setLevel(logging.CRITICAL)


async def ask(context, code, host, path, confirmable=True, scheme="coap", **more):
    message = aiocoap.Message(code=code, uri=f"{scheme}://{host}/{path}", **more)
    if not confirmable:
        message.transport_tuning = aiocoap.Unreliable
    return await asyncio.wait_for(context.request(message).response, LIMIT)


async def with_client(use, transport="udp6"):
    context = await aiocoap.Context.create_client_context(transports=[transport])
    try:
        return await use(context)
    finally:
        await context.shutdown()


def everything_is_asked_for(name, hosts, **link):
    async def use(context):
        for host in hosts:
            links = (await ask(context, aiocoap.GET, host, ".well-known/core")).payload.decode()
            for path in ("</test>", "</separate>", "</large>", "</observe>", "</store>"):
                check(path in links, links)
            test = await ask(context, aiocoap.GET, host, "test")
            check(test.payload == b"a test resource" and test.opt.content_format == 0, test)
            again = await ask(context, aiocoap.GET, host, "test", etags=[test.opt.etag])
            check(again.code == aiocoap.VALID and not again.payload, again)
            if not link:
                unsure = await ask(context, aiocoap.GET, host, "test", confirmable=False)
                check(unsure.payload == b"a test resource", unsure)
            late = await ask(context, aiocoap.GET, host, "separate")
            check(late.payload == b"a separate response", late)
            large = await ask(context, aiocoap.GET, host, "large")
            check(large.payload == LARGE, f"{len(large.payload)} bytes")
            data = os.urandom(100_000)
            check((await ask(context, aiocoap.PUT, host, "store", payload=data)).code.is_successful(), "PUT")
            back = await ask(context, aiocoap.GET, host, "store")
            check(back.payload == data, f"{len(back.payload)} bytes came back")
            check((await ask(context, aiocoap.DELETE, host, "store")).code == aiocoap.DELETED, "DELETE")
            check((await ask(context, aiocoap.GET, host, "store")).code == aiocoap.NOT_FOUND, "it is gone")
            check((await ask(context, aiocoap.GET, host, "nothing")).code == aiocoap.NOT_FOUND, "4.04")
            check((await ask(context, aiocoap.PUT, host, "large", payload=b"x")).code == aiocoap.METHOD_NOT_ALLOWED, "4.05")

    with Live("coap-server", name, ["coap.type == 2 && coap.code == 0", "coap.opt.block_number > 90"], **link):
        asyncio.run(with_client(use))


def aiocoap_asks_for_everything():
    everything_is_asked_for("aiocoap-good", HOSTS)


def aiocoap_asks_for_everything_over_a_bad_link():
    everything_is_asked_for("aiocoap-bad", HOSTS[:1], **BAD_LINK)


def aiocoap_observes_through_loss():
    async def use(context):
        numbers = []
        request = context.request(aiocoap.Message(code=aiocoap.GET, uri="coap://10.77.0.2/observe", observe=0))
        first = await asyncio.wait_for(request.response, LIMIT)
        numbers.append(int(first.payload))

        async def watch():
            async for notification in request.observation:
                numbers.append(int(notification.payload))
                if len(numbers) > 4:
                    return

        await asyncio.wait_for(watch(), LIMIT)
        check(numbers == sorted(set(numbers)), f"states {numbers}")

    with Live("coap-server", "aiocoap-observe", ["coap.opt.observe"], loss="10 %"):
        asyncio.run(with_client(use))


def aiocoap_asks_over_tcp():
    """CoAP over TCP (RFC 8323): signals, a separate answer, 100 kB in blocks both ways.

    Observe is libcoap's case: aiocoap 0.4.17 takes notifications whose Observe is empty, as RFC 8323 §7.1 allows on streams, for old
    ones."""

    async def use(context):
        for host in HOSTS:
            test = await ask(context, aiocoap.GET, host, "test", scheme="coap+tcp")
            check(test.payload == b"a test resource", test)
            late = await ask(context, aiocoap.GET, host, "separate", scheme="coap+tcp")
            check(late.payload == b"a separate response", late)
            large = await ask(context, aiocoap.GET, host, "large", scheme="coap+tcp")
            check(large.payload == LARGE, f"{len(large.payload)} bytes")
            data = os.urandom(100_000)
            put = await ask(context, aiocoap.PUT, host, "store", scheme="coap+tcp", payload=data)
            check(put.code.is_successful(), put)
            back = await ask(context, aiocoap.GET, host, "store", scheme="coap+tcp")
            check(back.payload == data, f"{len(back.payload)} bytes came back")
            check((await ask(context, aiocoap.GET, host, "nothing", scheme="coap+tcp")).code == aiocoap.NOT_FOUND, "4.04")

    for name, link in (("aiocoap-tcp", {}), ("aiocoap-tcp-bad", BAD_LINK)):
        with Live("coap-server", name, ["tcp.port == 5683", "coap.code == 225"], forgiven=SIGNALS, **link):
            asyncio.run(with_client(use, "tcpclient"))


def aiocoap_reaches_a_resource_behind_802_15_4():
    """Sensors behind a border router, over 6LoWPAN: frames of at most 127 bytes, blocks, fragments and compressed headers."""

    async def use(context):
        for sensor in ("[fd79::ff:fe00:6]", "[fd79::ff:fe00:b]"):
            links = (await ask(context, aiocoap.GET, sensor, ".well-known/core")).payload.decode()
            check("</large>" in links and "</observe>" in links, links)
            test = await ask(context, aiocoap.GET, sensor, "test")
            check(test.payload == b"a test resource", test)
            late = await ask(context, aiocoap.GET, sensor, "separate")
            check(late.payload == b"a separate response", late)

    with Live("sensor-field", "sensors", ["wpan && 6lowpan && coap.code == 69", "6lowpan.frag.offset", "coap.opt.block_number > 20"], tshark=LOWPAN,
              forgiven=KNOWN, every="1000 s"):
        run("ip", "-6", "route", "add", "fd79::/64", "via", "fd77::fe")
        asyncio.run(with_client(use))
        # Blocks of which each fits into two frames: a radio's queue holds no dozen fragments of a larger one.
        sent, back = os.path.join(WORK, "reading"), os.path.join(WORK, "reading-back")
        with open(sent, "wb") as file:
            file.write(os.urandom(1500))
        libcoap("-b", "64", "-m", "put", "-f", sent, url="coap://[fd79::ff:fe00:6]/store")
        libcoap("-b", "64", "-o", back, url="coap://[fd79::ff:fe00:6]/store")
        with open(sent, "rb") as one, open(back, "rb") as other:
            check(one.read() == other.read(), "what was stored came back")


def libcoap(*words, url):
    return subprocess.run(["coap-client-notls", "-v", "3", "-B", "60", *words, url], stdout=subprocess.PIPE, check=True,
                          timeout=LIMIT).stdout


def libcoap_asks_for_everything():
    with Live("coap-server", "libcoap-client", ["coap.opt.observe", "coap.opt.block_number > 90", "coap.code == 225"], forgiven=SIGNALS):
        for host in HOSTS:
            links = libcoap(url=f"coap://{host}/.well-known/core").decode()
            check("</large>" in links and "</observe>" in links, links)
            check(libcoap(url=f"coap://{host}/test").strip() == b"a test resource", "CON")
            check(libcoap("-N", url=f"coap://{host}/test").strip() == b"a test resource", "NON")
            check(libcoap(url=f"coap://{host}/separate").strip() == b"a separate response", "separate")
            out = os.path.join(WORK, "large")
            libcoap("-o", out, url=f"coap://{host}/large")
            with open(out, "rb") as file:
                came = file.read()
            check(came == LARGE, f"{len(came)} bytes")
            sent, back = os.path.join(WORK, "sent"), os.path.join(WORK, "back")
            with open(sent, "wb") as file:
                file.write(os.urandom(100_000))
            libcoap("-m", "put", "-f", sent, url=f"coap://{host}/store")
            libcoap("-o", back, url=f"coap://{host}/store")
            with open(sent, "rb") as one, open(back, "rb") as other:
                check(one.read() == other.read(), "what was stored came back")
        for words, scheme in (((), "coap"), (("-r",), "coap+tcp")):
            seen = libcoap(*words, "-w", "-s", "7", url=f"{scheme}://10.77.0.2/observe").split()
            numbers = [int(number) for number in seen]
            check(len(numbers) >= 3 and numbers == sorted(set(numbers)), f"{scheme}: states {numbers}")
        libcoap("-r", "-o", out, url="coap+tcp://10.77.0.2/large")
        with open(out, "rb") as file:
            check(file.read() == LARGE, "100 kB over TCP")


class Store(aiocoap.resource.Resource):
    """Keeps what is put there."""

    content = LARGE

    async def render_get(self, request):
        return aiocoap.Message(payload=self.content)

    async def render_put(self, request):
        self.content = request.payload
        return aiocoap.Message(code=aiocoap.CHANGED)


class Slow(aiocoap.resource.Resource):
    """Answers after a second."""

    asked = 0

    async def render_get(self, request):
        self.asked += 1
        await asyncio.sleep(1)
        return aiocoap.Message(payload=b"late")


class Ticking(aiocoap.resource.ObservableResource):
    """Changes every half second."""

    state = 0

    async def render_get(self, request):
        return aiocoap.Message(payload=str(self.state).encode())


def with_server(live):
    """Runs `live(site)` in a thread beside an aiocoap server on 10.77.0.1, which `live` has to make exist."""
    store, slow, ticking = Store(), Slow(), Ticking()
    site = aiocoap.resource.Site()
    for name, resource in (("store", store), ("slow", slow), ("ticking", ticking)):
        site.add_resource([name], resource)
    links = aiocoap.resource.WKCResource(site.get_resources_as_linkheader)
    site.add_resource([".well-known", "core"], links)

    async def serve():
        context = await aiocoap.Context.create_server_context(site, bind=("::", 5683), transports=["udp6", "tcpserver"])

        async def tick():
            while True:
                await asyncio.sleep(0.5)
                ticking.state += 1
                ticking.updated_state()

        ticks = asyncio.create_task(tick())
        try:
            await asyncio.get_running_loop().run_in_executor(None, live, store, slow, ticking)
        finally:
            ticks.cancel()
            await context.shutdown()

    asyncio.run(serve())


def to_its_end(live):
    wait_for("the run's end", lambda: live.process.poll() is not None)


def answered(live, payload):
    """The one exchange of the client ended well, with so many bytes of bodies in both directions together."""
    flow, = [row for row in live.rows("flows.csv") if row["flow"] == "request"]
    good = flow["session_failed"] == "0" and flow["session_response_time_max_ns"] and int(flow["session_payload_bytes"]) in payload
    check(good, f"{live.folder}: {flow}")


def the_simulated_client_asks_aiocoap():
    """By IPv4 and IPv6; over TCP by IPv6 alone, since aiocoap's TCP server takes no IPv4 where it listens on all addresses."""

    def put(store, slow, ticking):
        for name, link in (("put-good", {}), ("put-bad", {"loss": "3 %", "ack-timeout": "300 ms"})):
            store.content = b""
            with Live("coap-client", name, ["coap.opt.block_number > 90"], path="store", **link):
                wait_for("100 kB", lambda: len(store.content) == 100_000)

    def get(store, slow, ticking):
        store.content = LARGE
        for path, wanted, payload in (("store", "coap.code == 69 && coap.opt.block_number == 97", [100_000]),
                                      ("slow", "coap.type == 2 && coap.code == 0", [4]),
                                      (".well-known/core", "coap.code == 69", range(30, 1000))):
            with Live("coap-client", "get-" + path.strip("."). replace("/", "-"), [wanted], path=path, method="get",
                      workload=POLL, duration="6 s") as live:
                to_its_end(live)
            answered(live, payload)

    def observe(store, slow, ticking):
        with Live("coap-client", "observe", ["coap.opt.observe"], path="ticking", method="get", workload='{"observe": {"start": "1 s"}}',
                  duration="8 s", loss="10 %") as live:
            to_its_end(live)
        count = len(live.frames("coap.code == 69 && ip.src == 10.77.0.1"))
        check(count > 5 and not live.frames("coap.type == 3"), f"{count} notifications, none refused")

    def over_tcp(store, slow, ticking):
        store.content = b""
        with Live("coap-client", "tcp-put", ["coap.code == 225", "tcp.port == 5683"], forgiven=SIGNALS, over="coap/tcp", path="store", **V6):
            wait_for("100 kB", lambda: len(store.content) == 100_000)
        with Live("coap-client", "tcp-get", ["coap.code == 69"], forgiven=SIGNALS, over="coap/tcp", path="store", method="get",
                  workload=POLL, duration="6 s", **V6) as live:
            to_its_end(live)
        answered(live, [100_000])
        with Live("coap-client", "tcp-observe", ["coap.opt.observe"], forgiven=SIGNALS, over="coap/tcp", path="ticking", method="get",
                  workload='{"observe": {"start": "1 s"}}', duration="6 s", **V6) as live:
            to_its_end(live)
        count = len(live.frames("coap.code == 69 && ipv6.src == fd77::1"))
        check(count > 3, f"{count} notifications")

    def over_ipv6(store, slow, ticking):
        store.content = b""
        # The server still resends to the client of the last run, and what begins amid a stream cannot be read.
        with Live("coap-client", "put-v6", ["ipv6 && coap.opt.block_number > 90"], forgiven=["tcp"], path="store", **V6):
            wait_for("100 kB", lambda: len(store.content) == 100_000)

    def everything(*site):
        over_tcp(*site)
        over_ipv6(*site)
        put(*site)
        get(*site)
        observe(*site)

    with_server(everything)


def the_simulated_client_asks_libcoap():
    server = subprocess.Popen(["coap-server-notls", "-d", "20", "-v", "3"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with Live("coap-client", "libcoap-put", ["coap.opt.block_number > 90"], forgiven=KNOWN, duration="8 s") as live:
            to_its_end(live)
        answered(live, range(100_000, 100_100))
        check(live.frames("coap.code == 68 || coap.code == 65"), "2.04 or 2.01")
        # What was put comes back; the second answers later than it acknowledges.
        for path, wanted, payload in (("example_data", "coap.code == 69", [100_000]),
                                      ("async", "coap.type == 2 && coap.code == 0", range(1, 100))):
            with Live("coap-client", "libcoap-" + path, [wanted], forgiven=KNOWN, path=path, method="get", workload=POLL,
                      duration="12 s") as live:
                to_its_end(live)
            answered(live, payload)
    finally:
        server.terminate()
        server.wait()


V6 = {"ip": "v6", "server": "fd77::1/64", "client": "fd77::2/64"}
POLL = '{"poll": {"messages": 1, "every": "100 s", "start": "1 s"}}'

suite(aiocoap_asks_over_tcp, aiocoap_reaches_a_resource_behind_802_15_4, aiocoap_asks_for_everything,
      aiocoap_asks_for_everything_over_a_bad_link, aiocoap_observes_through_loss,
      libcoap_asks_for_everything, the_simulated_client_asks_aiocoap, the_simulated_client_asks_libcoap)
