//! Files that are either whole or absent, whenever the program is killed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Writes `bytes` beside `path` and renames the result. Folders that are missing are made.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = beside(path);
    fs::write(&beside, bytes)?;
    fs::rename(&beside, path)
}

/// The name under which `path` is written before it is whole.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(UNFINISHED);
    path.with_file_name(name)
}

/// What the name of an unfinished file ends in.
pub(crate) const UNFINISHED: &str = ".unfinished";
