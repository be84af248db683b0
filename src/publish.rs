//! Puts assembled results in their place. The manifest goes first and comes last, so that a folder that has one is
//! complete; a sweep killed in between is assembled and published again from its parts.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use crate::assemble::Assembled;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::layout::{CAPTURE_FOLDER, MANIFEST_FILE, PLOT_FOLDER, SERIES_FOLDER, remove_others};
use crate::parts::Parts;

/// Replaces the results of an earlier sweep in the folder by `assembled`, and removes the parts.
pub(crate) fn publish(folder: Folder, assembled: &Assembled) -> Result<(), Failure> {
    let path = folder.path.clone();
    move_all(&folder, assembled)
        .and_then(|()| folder.remove_parts())
        .map_err(|error| Failure::writing(&path, &error))
}

fn move_all(folder: &Folder, assembled: &Assembled) -> io::Result<()> {
    let root = &folder.path;
    let mut keep: BTreeSet<&str> = assembled.files.iter().map(String::as_str).collect();
    keep.remove(MANIFEST_FILE);
    for inside in ["", SERIES_FOLDER, PLOT_FOLDER, CAPTURE_FOLDER] {
        remove_others(root, inside, &keep)?;
    }
    let parts = Parts::of(folder);
    let waiting = [(CAPTURE_FOLDER, &parts.captures), (SERIES_FOLDER, &parts.series)];
    for file in &keep {
        let place = waiting.iter().find_map(|(inside, place)| {
            let name = file.strip_prefix(inside)?.strip_prefix('/')?;
            Some(place.join(name))
        });
        match place {
            // Captures and series are moved, not copied: one that waits no longer is in its place already.
            Some(place) if !place.exists() => {}
            Some(place) => move_file(&place, &root.join(file))?,
            None => move_file(&assembled.staging.join(file), &root.join(file))?,
        }
    }
    move_file(&assembled.staging.join(MANIFEST_FILE), &root.join(MANIFEST_FILE))
}

fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::rename(from, to)
}
