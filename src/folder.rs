//! The output folder of one sweep: whether it may be written, and what is in it already.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::atomic;
use crate::failure::{Failure, reason};
use crate::identity::Identity;
use crate::layout::{MANIFEST_FILE, PARTS_FOLDER};

/// What stands in an output folder before a sweep begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Found {
    /// Nothing to keep.
    Nothing,
    /// Runs of a sweep that was stopped, and that is not to go on.
    Abandoned,
    /// Runs of this sweep, which goes on.
    Begun,
    /// This sweep, complete.
    Complete,
}

/// What may be done with an output folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permission {
    /// Go on with what is there.
    pub(crate) resume: bool,
    /// Replace another scenario's results.
    pub(crate) force: bool,
}

/// An output folder that this process alone writes.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Keeps others out as long as it is open; gone with the process, however that ends.
    _lock: File,
}

/// Looks at the folder, changes nothing, and says whether the sweep may be written there.
pub(crate) fn survey(path: &Path, identity: &Identity, permission: Permission) -> Result<Found, Failure> {
    let shown = path.display();
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => {
            return Err(Failure::Input(format!("cannot use {shown} as output folder: {}", reason(&error))));
        }
    };
    let begun = Identity::read(&path.join(PARTS_FOLDER).join(IDENTITY_FILE));
    let complete = Identity::read(&path.join(MANIFEST_FILE));
    let mut strangers = entries.flatten().filter(|entry| entry.file_name() != PARTS_FOLDER);
    if begun.is_none() && complete.is_none() && strangers.next().is_some() {
        return Err(Failure::Input(format!(
            "{shown} holds files that are no results of netjoule; choose another folder with --out"
        )));
    }
    let Some(newest) = begun.as_ref().or(complete.as_ref()) else { return Ok(Found::Nothing) };
    if permission.resume {
        return match newest.difference(identity) {
            Some(difference) => Err(Failure::Input(format!(
                "cannot go on with the sweep in {shown}: {difference}; \
                 leave --resume away to start afresh, or choose another folder with --out"
            ))),
            None if begun.is_some() => Ok(Found::Begun),
            None => Ok(Found::Complete),
        };
    }
    let other = [&begun, &complete].into_iter().flatten().find(|found| found.name != identity.name);
    match other {
        Some(other) if !permission.force => Err(Failure::Input(format!(
            "{shown} holds results of the scenario {}; choose another folder with --out, or replace them with --force",
            other.name
        ))),
        Some(_) | None if begun.is_some() => Ok(Found::Abandoned),
        Some(_) | None => Ok(Found::Nothing),
    }
}

impl Folder {
    /// Makes the folder where it is missing and takes it for this process. Unless the sweep goes on, the parts of
    /// earlier ones are removed; their results stay until the new ones are complete.
    pub(crate) fn open(path: &Path, identity: &Identity, found: Found) -> Result<Self, Failure> {
        let parts = path.join(PARTS_FOLDER);
        fs::create_dir_all(&parts).map_err(|error| Failure::writing(&parts, &error))?;
        let lock_path = parts.join(LOCK_FILE);
        let lock = File::create(&lock_path).map_err(|error| Failure::writing(&lock_path, &error))?;
        // A file system without locks is used without them.
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            let message = format!(
                "another netjoule is writing to {}; wait for it, or choose another folder with --out",
                path.display()
            );
            return Err(Failure::Input(message));
        }
        let folder = Self { path: path.to_path_buf(), _lock: lock };
        if matches!(found, Found::Nothing | Found::Abandoned) {
            folder.begin(&parts, identity).map_err(|error| Failure::writing(&parts, &error))?;
        }
        Ok(folder)
    }

    /// Removes what is left of the parts of a complete sweep that was killed while it removed them.
    pub(crate) fn tidy(path: &Path, identity: &Identity) -> Result<(), Failure> {
        if !path.join(PARTS_FOLDER).exists() {
            return Ok(());
        }
        let folder = Self::open(path, identity, Found::Complete)?;
        folder.remove_parts().map_err(|error| Failure::writing(path, &error))
    }

    /// The folder of the parts.
    pub(crate) fn parts(&self) -> PathBuf {
        self.path.join(PARTS_FOLDER)
    }

    fn begin(&self, parts: &Path, identity: &Identity) -> io::Result<()> {
        let identity_path = parts.join(IDENTITY_FILE);
        // First the name of the old sweep, then its parts: nothing can take them for those of the new one.
        if identity_path.exists() {
            fs::remove_file(&identity_path)?;
        }
        for entry in fs::read_dir(parts)? {
            let path = entry?.path();
            if path.is_dir() {
                fs::remove_dir_all(&path)?;
            } else if !path.ends_with(LOCK_FILE) {
                fs::remove_file(&path)?;
            }
        }
        let text = serde_json::to_vec_pretty(identity)?;
        atomic::write(&identity_path, &text)
    }

    /// Removes the parts: the results are complete.
    pub(crate) fn remove_parts(self) -> io::Result<()> {
        let parts = self.parts();
        let identity_path = parts.join(IDENTITY_FILE);
        // Without its name, the sweep counts as complete, however little of the rest can be removed.
        if identity_path.exists() {
            fs::remove_file(&identity_path)?;
        }
        drop(self);
        fs::remove_dir_all(parts)
    }
}

/// Says whose parts they are.
const IDENTITY_FILE: &str = "sweep.json";
/// Held by the process that writes the folder.
const LOCK_FILE: &str = "lock";
