//! What cryptography an endpoint has done, for a host whose processor takes time for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use wire::cryptography::{Operation, Work};

/// Operations since somebody took the count last. Clones share it: an endpoint's with its connections.
///
/// An endpoint belongs to one run, which is one thread: the numbers are atomic so that endpoints may move between threads.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<[Count; OPERATIONS.len()]>);

#[derive(Debug, Default)]
struct Count {
    times: AtomicU32,
    bytes: AtomicU32,
}

impl Tally {
    /// A SHA-256 digest over so many bytes.
    pub(crate) fn hash(&self, bytes: usize) {
        self.count(0, bytes);
    }

    /// An HMAC over so many bytes; one with SHA-1 counts as one with SHA-256.
    pub(crate) fn hmac(&self, bytes: usize) {
        self.count(1, bytes);
    }

    fn count(&self, operation: usize, bytes: usize) {
        let count = &self.0[operation];
        count.times.fetch_add(1, Ordering::Relaxed);
        count.bytes.fetch_add(bytes as u32, Ordering::Relaxed);
    }

    /// Whether there is nothing to be taken.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|count| count.times.load(Ordering::Relaxed) == 0)
    }

    /// Takes what was counted.
    pub fn take(&self) -> impl Iterator<Item = Work> {
        let counts = OPERATIONS.into_iter().zip(&*self.0);
        counts.filter(|(_, count)| count.times.load(Ordering::Relaxed) > 0).map(|(operation, count)| {
            let times = count.times.swap(0, Ordering::Relaxed);
            Work { operation, times, bytes: count.bytes.swap(0, Ordering::Relaxed) }
        })
    }
}

const OPERATIONS: [Operation; 2] = [Operation::Sha256, Operation::HmacSha256];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clones_have_counted_is_taken_once() {
        let tally = Tally::default();
        let other = tally.clone();
        other.hmac(20);
        tally.hmac(8);
        other.hash(8);
        let work = |operation, times, bytes| Work { operation, times, bytes };
        let taken: Vec<Work> = tally.take().collect();
        assert_eq!(taken, [work(Operation::Sha256, 1, 8), work(Operation::HmacSha256, 2, 28)]);
        assert!(other.is_empty() && other.take().count() == 0);
    }
}
