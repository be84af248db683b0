//! Why a command ends without having done its work, and the exit status that says so.

use std::path::Path;
use std::process::ExitCode;

/// A command that cannot go on. Its text says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line or a file that it names is wrong; nothing was run or written.
    #[error("{0}")]
    Input(String),
    /// The same, and the diagnostics are printed already.
    #[error("")]
    InputTold,
    /// The work was begun and could not be brought to its end.
    #[error("{0}")]
    Work(String),
}

impl Failure {
    /// Wrong input.
    pub(crate) fn input(text: impl Into<String>) -> Self {
        Self::Input(text.into())
    }

    /// A file or folder that cannot be written.
    pub(crate) fn writing(path: &Path, error: &std::io::Error) -> Self {
        Self::Work(format!("cannot write {}: {}", path.display(), reason(error)))
    }

    /// The exit status: 1 for work that failed, 2 for wrong input.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Work(_) => ExitCode::from(1),
            Self::Input(_) | Self::InputTold => ExitCode::from(2),
        }
    }
}

/// An error of the operating system in words, without its number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or(&text);
    words.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_no_number() {
        let error = std::io::Error::from_raw_os_error(2);
        assert!(!reason(&error).contains('('), "{}", reason(&error));
    }
}
