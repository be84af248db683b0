//! The scenarios that ship with the program.

/// A scenario inside the program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shipped {
    /// Its place among the scenarios, without `.json`: `compare/tcp-vs-udp`.
    pub(crate) path: &'static str,
    /// The file.
    pub(crate) text: &'static str,
}

impl Shipped {
    /// The folder: `compare`.
    pub(crate) fn folder(self) -> &'static str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// The name alone: `tcp-vs-udp`.
    pub(crate) fn name(self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// The shipped scenario called `name`, with or without its folder and `.json`.
pub(crate) fn find(name: &str) -> Option<Shipped> {
    let name = name.strip_suffix(".json").unwrap_or(name);
    SHIPPED.iter().copied().find(|shipped| shipped.path == name || shipped.name() == name)
}

/// All of them, in the order in which `list` shows them.
pub(crate) const SHIPPED: &[Shipped] = &[
    Shipped { path: "compare/tcp-vs-udp", text: include_str!("../scenarios/compare/tcp-vs-udp.json") },
    Shipped { path: "compare/tcp-and-sctp", text: include_str!("../scenarios/compare/tcp-and-sctp.json") },
    Shipped { path: "course/coap-blockwise", text: include_str!("../scenarios/course/coap-blockwise.json") },
    Shipped {
        path: "course/coap-con-and-non",
        text: include_str!("../scenarios/course/coap-con-and-non.json"),
    },
    Shipped {
        path: "course/coap-congestion",
        text: include_str!("../scenarios/course/coap-congestion.json"),
    },
    Shipped {
        path: "course/coap-lost-acknowledgement",
        text: include_str!("../scenarios/course/coap-lost-acknowledgement.json"),
    },
    Shipped {
        path: "course/coap-message-format",
        text: include_str!("../scenarios/course/coap-message-format.json"),
    },
    Shipped { path: "course/coap-multicast", text: include_str!("../scenarios/course/coap-multicast.json") },
    Shipped { path: "course/coap-observe", text: include_str!("../scenarios/course/coap-observe.json") },
    Shipped { path: "course/coap-proxy", text: include_str!("../scenarios/course/coap-proxy.json") },
    Shipped {
        path: "course/coap-reliability",
        text: include_str!("../scenarios/course/coap-reliability.json"),
    },
    Shipped {
        path: "course/coap-udp-and-tcp",
        text: include_str!("../scenarios/course/coap-udp-and-tcp.json"),
    },
    Shipped {
        path: "course/energy-of-a-message",
        text: include_str!("../scenarios/course/energy-of-a-message.json"),
    },
    Shipped {
        path: "course/ip-fragmentation",
        text: include_str!("../scenarios/course/ip-fragmentation.json"),
    },
    Shipped { path: "course/lan-and-arp", text: include_str!("../scenarios/course/lan-and-arp.json") },
    Shipped { path: "course/queues", text: include_str!("../scenarios/course/queues.json") },
    Shipped {
        path: "course/udp-and-tcp-overhead",
        text: include_str!("../scenarios/course/udp-and-tcp-overhead.json"),
    },
    Shipped { path: "course/sctp-bundling", text: include_str!("../scenarios/course/sctp-bundling.json") },
    Shipped { path: "course/sctp-handshake", text: include_str!("../scenarios/course/sctp-handshake.json") },
    Shipped {
        path: "course/sctp-multihoming",
        text: include_str!("../scenarios/course/sctp-multihoming.json"),
    },
    Shipped { path: "course/sctp-overhead", text: include_str!("../scenarios/course/sctp-overhead.json") },
    Shipped {
        path: "course/sctp-partial-reliability",
        text: include_str!("../scenarios/course/sctp-partial-reliability.json"),
    },
    Shipped { path: "course/sctp-streams", text: include_str!("../scenarios/course/sctp-streams.json") },
    Shipped { path: "bench/coap-star", text: include_str!("../scenarios/bench/coap-star.json") },
    Shipped { path: "live/lossy-router", text: include_str!("../scenarios/live/lossy-router.json") },
    Shipped { path: "live/masquerade", text: include_str!("../scenarios/live/masquerade.json") },
    Shipped { path: "live/narrow-path", text: include_str!("../scenarios/live/narrow-path.json") },
    Shipped { path: "live/tcp-client", text: include_str!("../scenarios/live/tcp-client.json") },
    Shipped { path: "live/tcp-echo", text: include_str!("../scenarios/live/tcp-echo.json") },
    Shipped { path: "bench/dumbbell", text: include_str!("../scenarios/bench/dumbbell.json") },
    Shipped { path: "bench/udp-chain", text: include_str!("../scenarios/bench/udp-chain.json") },
    Shipped { path: "bench/udp-grid", text: include_str!("../scenarios/bench/udp-grid.json") },
    Shipped { path: "bench/udp-star", text: include_str!("../scenarios/bench/udp-star.json") },
];
