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

// `SHIPPED`, made from what stands in `scenarios/` when the program is built.
include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// The digests that the shipped scenarios must come to.
pub(crate) const GOLDEN: &str = include_str!("../scenarios/golden.json");

/// Where the digests stand in the sources.
pub(crate) const GOLDEN_FILE: &str = "scenarios/golden.json";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_ships_stands_in_the_order_of_its_folders() {
        let paths: Vec<&str> = SHIPPED.iter().map(|shipped| shipped.path).collect();
        let place = |wanted: &str| paths.iter().position(|path| *path == wanted);
        let wanted = [
            "compare/tcp-vs-udp",
            "course/ip-fragmentation",
            "course/queues",
            "live/tcp-echo",
            "bench/udp-star",
        ];
        let places: Vec<usize> = wanted.iter().filter_map(|path| place(path)).collect();
        assert!(places.len() == wanted.len() && places.is_sorted(), "{paths:?}");
    }

    #[test]
    fn names_are_unique_without_their_folder() {
        let names: BTreeSet<&str> = SHIPPED.iter().map(|shipped| shipped.name()).collect();
        assert_eq!(names.len(), SHIPPED.len());
    }
}
