//! What protects the frames of radios.

use schemars::JsonSchema;
use serde::Deserialize;

/// How frames are protected by AES-CCM* (IEEE 802.15.4 clause 9), with one key for all radios of the medium.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RadioSecuritySettings {
    /// What protects them: 0 nothing, 1 to 3 an integrity code of 4, 8 or 16 bytes, 4 encryption, 5 (default) to 7 encryption
    /// and a code of 4, 8 or 16 bytes.
    #[schemars(range(min = 0, max = 7))]
    pub level: Option<u8>,
    /// The key in 32 hexadecimal digits; default: 0 to 15, byte by byte.
    pub key: Option<String>,
    /// How a frame names the key: 0 not at all, 1 (default) by its index, 2 by a source of 4 bytes and the index, 3 by a source
    /// of 8 bytes and the index.
    #[schemars(range(min = 0, max = 3))]
    pub key_mode: Option<u8>,
    /// The key's index; default 1, 1 to 255.
    #[schemars(range(min = 1, max = 255))]
    pub key_index: Option<u8>,
    /// Who the key comes from, for modes 2 and 3: 8 or 16 hexadecimal digits; default zeros.
    pub key_source: Option<String>,
}
