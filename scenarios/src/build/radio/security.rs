//! What protects the frames of radios: the scenario's settings as the network's.

use network::radio::security::RadioSecurity;
use wire::ieee802154::protection::Key;
use wire::ieee802154::{KeyIdentifier, SecurityLevel};

use crate::language::document::RadioSettings;
use crate::language::hexadecimal;

/// How the frames of a medium are protected, if they are.
pub(super) fn security(settings: &RadioSettings) -> Option<RadioSecurity> {
    let given = settings.security.as_ref()?;
    let level = SecurityLevel::of_number(given.level.unwrap_or(LEVEL_DEFAULT));
    if level == SecurityLevel::None {
        return None;
    }
    let index = given.key_index.unwrap_or(1);
    let source = given.key_source.as_deref();
    let identifier = match given.key_mode.unwrap_or(1) {
        0 => KeyIdentifier::Implicit,
        1 => KeyIdentifier::Index(index),
        2 => KeyIdentifier::ShortSource(source.and_then(hexadecimal).unwrap_or_default(), index),
        _ => KeyIdentifier::ExtendedSource(source.and_then(hexadecimal).unwrap_or_default(), index),
    };
    let key = given.key.as_deref().and_then(hexadecimal).unwrap_or(std::array::from_fn(|byte| byte as u8));
    Some(RadioSecurity { level, identifier, key: Key::new(key) })
}

/// Encryption and a code of 4 bytes, as Thread has it.
const LEVEL_DEFAULT: u8 = 5;
