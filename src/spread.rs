//! Spreads runs over threads and takes the results on one.

use std::sync::mpsc::sync_channel;

use rayon::iter::{ParallelBridge, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::failure::Failure;

/// One run of a sweep.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct RunId {
    /// The number of the point.
    pub(crate) point: usize,
    /// The replication, from 0.
    pub(crate) replication: u32,
}

/// All runs of a sweep in their order: point by point, replication by replication.
pub(crate) fn all_runs(points: usize, replications: u64) -> impl Iterator<Item = RunId> + Clone {
    let replications = u32::try_from(replications).unwrap_or(u32::MAX);
    (0..points).flat_map(move |point| (0..replications).map(move |replication| RunId { point, replication }))
}

/// Does `work` for each of `runs` on `jobs` threads, begun in order, and gives what comes out to `take` on the calling
/// thread, in whatever order it comes. When `take` fails, no new work is begun.
pub(crate) fn spread<T: Send>(
    runs: impl Iterator<Item = RunId> + Send,
    jobs: usize,
    work: impl Fn(RunId) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let pool = pool(jobs)?;
    // A writer that is slower than the workers makes them wait instead of filling the memory.
    let (sender, receiver) = sync_channel::<T>(jobs);
    let work = &work;
    pool.in_place_scope(move |scope| {
        scope.spawn(move |_| {
            // The receiver is gone when taking has failed: then nobody wants the rest.
            let _ = runs.par_bridge().try_for_each(|run| sender.send(work(run)).map_err(|_| ()));
        });
        receiver.iter().try_for_each(&mut take)
    })
}

/// `jobs` threads for what can be done side by side.
pub(crate) fn pool(jobs: usize) -> Result<ThreadPool, Failure> {
    ThreadPoolBuilder::new().num_threads(jobs).build().map_err(|error| {
        Failure::Work(format!("cannot start {jobs} threads: {error}; ask for fewer with --jobs"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_is_done_once_on_any_number_of_threads() {
        let expected: Vec<RunId> = all_runs(5, 3).collect();
        assert_eq!(expected.len(), 15);
        for jobs in [1, 2, 7] {
            let mut taken = Vec::new();
            spread(
                all_runs(5, 3),
                jobs,
                |run| run,
                |run| {
                    taken.push(run);
                    Ok(())
                },
            )
            .expect("nothing fails");
            taken.sort();
            assert_eq!(taken, expected, "{jobs} threads");
        }
    }

    #[test]
    fn a_failure_stops_the_work() {
        let mut taken = 0;
        let outcome = spread(
            all_runs(1_000_000, 1),
            2,
            |run| run,
            |_| {
                taken += 1;
                if taken == 3 { Err(Failure::Work("full".to_owned())) } else { Ok(()) }
            },
        );
        assert!(outcome.is_err());
        assert_eq!(taken, 3);
    }
}
