//! What can be wrong with result files.

/// Why a set of result files cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// A file that every results folder has is absent.
    #[error("{file}: the file is missing")]
    Missing {
        /// Name of the file inside the folder.
        file: String,
    },
    /// A file is not what its format says.
    #[error("{file}:{line}:{column}: {reason}")]
    Damaged {
        /// Name of the file inside the folder.
        file: String,
        /// Line, from 1.
        line: u64,
        /// Column, from 1: the character in a JSON file, the cell in a CSV file.
        column: u64,
        /// What is wrong there.
        reason: String,
    },
    /// Two files, or two parts of one, contradict each other.
    #[error("{file}: {reason}")]
    Inconsistent {
        /// Name of the file in which the contradiction showed.
        file: String,
        /// What contradicts what.
        reason: String,
    },
}
