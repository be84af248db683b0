//! What the runs cost this process: processor time and memory.

use std::time::Duration;

/// Processor time that the calling thread has used so far; nothing where the system does not tell.
#[cfg(unix)]
pub(crate) fn thread_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let nanos = u32::try_from(time.tv_nsec).ok()?;
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, nanos))
}

/// Processor time that the calling thread has used so far; nothing where the system does not tell.
#[cfg(not(unix))]
pub(crate) fn thread_time() -> Option<Duration> {
    None
}

/// The most memory that the process has held so far, in KiB; nothing where the system does not tell.
pub(crate) fn peak_memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn both_are_known_on_linux() {
        assert!(thread_time().is_some() && peak_memory_kib().is_some_and(|size| size > 0));
    }
}
