//! The program as its users meet it: started as a process, judged by what it prints, writes and returns.

#![allow(clippy::unwrap_used, reason = "a test that cannot do its work fails")]

mod captures;
mod command_line;
mod harness;
mod lessons;
mod output_folder;
mod refusals;
mod resume;
mod shipped;
mod trace_and_plot;
mod verify;
