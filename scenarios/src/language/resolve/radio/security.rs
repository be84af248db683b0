//! What protects the frames of radios: ranges, and keys that can be read.

use crate::language::diagnostic::Finding;
use crate::language::document::RadioSettings;
use crate::language::path::Path;

/// Checks the protection of a medium's frames.
pub(super) fn check(settings: &RadioSettings, path: &Path, findings: &mut Vec<Finding>) {
    let Some(security) = &settings.security else { return };
    let path = path.key("security");
    let mut refuse = |at: &str, message: String, expected: &str| {
        findings.push(Finding::error(path.key(at), message).expected(expected));
    };
    if let Some(level) = security.level.filter(|&level| level > 7) {
        refuse("level", format!("there is no level {level} of security"), "0 to 7");
    }
    let mode = security.key_mode.unwrap_or(1);
    if mode > 3 {
        refuse("key-mode", format!("there is no mode {mode} of naming a key"), "0 to 3");
    }
    if security.key.as_ref().is_some_and(|key| bytes::<16>(key).is_none()) {
        refuse("key", "this is no key of AES-128".to_owned(), "32 hexadecimal digits");
    }
    if let Some(index) = security.key_index {
        match (mode, index) {
            (0, _) => refuse("key-index", "key mode 0 has no index".to_owned(), "no `key-index`"),
            (_, 0) => refuse("key-index", "index 0 is reserved".to_owned(), "1 to 255"),
            (..) => {}
        }
    }
    if let Some(source) = &security.key_source {
        match mode {
            2 if bytes::<4>(source).is_none() => {
                refuse("key-source", "this is no source of a key".to_owned(), "8 hexadecimal digits");
            }
            3 if bytes::<8>(source).is_none() => {
                refuse("key-source", "this is no source of a key".to_owned(), "16 hexadecimal digits");
            }
            2 | 3 => {}
            _ => refuse("key-source", format!("key mode {mode} names no source"), "no `key-source`"),
        }
    }
}

/// So many bytes from twice as many hexadecimal digits.
pub(crate) fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    if digits.len() != 2 * N || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
