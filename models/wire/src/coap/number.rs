//! Option numbers: what they say by themselves, and the formats of those that are known (RFC 7252 §5.4, §5.10).

use std::fmt;

/// The number of an option.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OptionNumber(pub u16);

/// What the value of an option is (RFC 7252 §3.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OptionFormat {
    /// Nothing.
    Empty,
    /// Bytes.
    Opaque,
    /// A number without leading zeros.
    Uint,
    /// Text in UTF-8.
    String,
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $words:literal, $format:ident, $min:literal..=$max:literal, $repeats:literal;)*) => {
        impl OptionNumber {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// The name in its registry.
            pub fn name(self) -> Option<&'static str> {
                match self { $(Self::$name => Some($words),)* _ => None }
            }

            /// The format, the shortest and the longest value, and whether the option may come more than once.
            pub fn definition(self) -> Option<(OptionFormat, usize, usize, bool)> {
                match self {
                    $(Self::$name => Some((OptionFormat::$format, $min, $max, $repeats)),)*
                    _ => None,
                }
            }
        }
    };
}

numbers! {
    /// RFC 7252 §5.10.8.1.
    IF_MATCH = 1, "If-Match", Opaque, 0..=8, true;
    /// RFC 7252 §5.10.1.
    URI_HOST = 3, "Uri-Host", String, 1..=255, false;
    /// RFC 7252 §5.10.6.
    ETAG = 4, "ETag", Opaque, 1..=8, true;
    /// RFC 7252 §5.10.8.2.
    IF_NONE_MATCH = 5, "If-None-Match", Empty, 0..=0, false;
    /// RFC 7641 §2.
    OBSERVE = 6, "Observe", Uint, 0..=3, false;
    /// RFC 7252 §5.10.1.
    URI_PORT = 7, "Uri-Port", Uint, 0..=2, false;
    /// RFC 7252 §5.10.7.
    LOCATION_PATH = 8, "Location-Path", String, 0..=255, true;
    /// RFC 8613 §2.
    OSCORE = 9, "OSCORE", Opaque, 0..=255, false;
    /// RFC 7252 §5.10.1.
    URI_PATH = 11, "Uri-Path", String, 0..=255, true;
    /// RFC 7252 §5.10.3.
    CONTENT_FORMAT = 12, "Content-Format", Uint, 0..=2, false;
    /// RFC 7252 §5.10.5.
    MAX_AGE = 14, "Max-Age", Uint, 0..=4, false;
    /// RFC 7252 §5.10.1.
    URI_QUERY = 15, "Uri-Query", String, 0..=255, true;
    /// RFC 8768 §3.
    HOP_LIMIT = 16, "Hop-Limit", Uint, 1..=1, false;
    /// RFC 7252 §5.10.4.
    ACCEPT = 17, "Accept", Uint, 0..=2, false;
    /// RFC 9177 §4.1.
    Q_BLOCK1 = 19, "Q-Block1", Uint, 0..=3, false;
    /// RFC 7252 §5.10.7.
    LOCATION_QUERY = 20, "Location-Query", String, 0..=255, true;
    /// RFC 7959 §2.1.
    BLOCK2 = 23, "Block2", Uint, 0..=3, false;
    /// RFC 7959 §2.1.
    BLOCK1 = 27, "Block1", Uint, 0..=3, false;
    /// RFC 7959 §4.
    SIZE2 = 28, "Size2", Uint, 0..=4, false;
    /// RFC 9177 §4.1.
    Q_BLOCK2 = 31, "Q-Block2", Uint, 0..=3, true;
    /// RFC 7252 §5.10.2.
    PROXY_URI = 35, "Proxy-Uri", String, 1..=1034, false;
    /// RFC 7252 §5.10.2.
    PROXY_SCHEME = 39, "Proxy-Scheme", String, 1..=255, false;
    /// RFC 7252 §5.10.9.
    SIZE1 = 60, "Size1", Uint, 0..=4, false;
    /// RFC 9175 §2.2.
    ECHO = 252, "Echo", Opaque, 1..=40, false;
    /// RFC 7967 §2.
    NO_RESPONSE = 258, "No-Response", Uint, 0..=1, false;
    /// RFC 9175 §3.2.
    REQUEST_TAG = 292, "Request-Tag", Opaque, 0..=8, true;
}

impl OptionNumber {
    /// Whether a message with it must be refused by who does not know it (RFC 7252 §5.4.1).
    #[inline]
    pub const fn is_critical(self) -> bool {
        self.0 & 1 == 1
    }

    /// Whether a proxy that does not know it must not forward it (RFC 7252 §5.4.2).
    #[inline]
    pub const fn is_unsafe(self) -> bool {
        self.0 & 2 == 2
    }

    /// Whether requests that differ in it alone share a cached response (RFC 7252 §5.4.2).
    #[inline]
    pub const fn is_no_cache_key(self) -> bool {
        self.0 & 0x1E == 0x1C
    }
}

impl fmt::Display for OptionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "option {}", self.0),
        }
    }
}
