//! The progress bar of a sweep, on standard error.

use std::fmt::Write;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Shows how many runs are done, how many go by in a second, and how long the rest will take.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar for `all` runs of which `done` are done. It is hidden where standard error is no terminal.
    pub(crate) fn new(name: &str, all: usize, done: usize, hidden: bool) -> Self {
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(all as u64), target);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            let rate = |state: &ProgressState, out: &mut dyn Write| {
                // A bar that cannot be written is no reason to stop.
                let _ = write!(out, "{:.1}", state.per_sec());
            };
            bar.set_style(style.with_key("rate", rate).progress_chars("█▉▊▋▌▍▎▏ "));
        }
        bar.set_message(name.to_owned());
        bar.set_position(done as u64);
        // What was done before says nothing about the rate.
        bar.reset_elapsed();
        bar.reset_eta();
        Self { bar }
    }

    /// One more run is done.
    pub(crate) fn step(&self) {
        self.bar.inc(1);
    }

    /// All runs are done, and the results are being put together.
    pub(crate) fn all_done(&self) {
        self.bar.set_message("writing the results");
    }

    /// Removes the bar.
    pub(crate) fn end(self) {
        self.bar.finish_and_clear();
    }
}

const TEMPLATE: &str = "{msg} {wide_bar} {human_pos} of {human_len} runs, {rate} a second, {eta} left";
