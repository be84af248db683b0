//! Codes: methods, responses, signals (RFC 7252 §12.1, and the registries it opened).

use std::fmt;

/// A code: three bits of class and five of detail (RFC 7252 §3).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Code(pub u8);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $class:literal . $detail:literal, $words:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Self = Self::new($class, $detail);)*

            /// The name in its registry.
            pub fn name(self) -> Option<&'static str> {
                match self { $(Self::$name => Some($words),)* _ => None }
            }
        }
    };
}

codes! {
    /// No message but a header (RFC 7252 §4.1).
    EMPTY = 0 . 0, "Empty";
    /// RFC 7252 §5.8.1.
    GET = 0 . 1, "GET";
    /// RFC 7252 §5.8.2.
    POST = 0 . 2, "POST";
    /// RFC 7252 §5.8.3.
    PUT = 0 . 3, "PUT";
    /// RFC 7252 §5.8.4.
    DELETE = 0 . 4, "DELETE";
    /// RFC 8132 §2.
    FETCH = 0 . 5, "FETCH";
    /// RFC 8132 §3.
    PATCH = 0 . 6, "PATCH";
    /// RFC 8132 §3.
    IPATCH = 0 . 7, "iPATCH";
    /// RFC 7252 §5.9.1.1.
    CREATED = 2 . 1, "Created";
    /// RFC 7252 §5.9.1.2.
    DELETED = 2 . 2, "Deleted";
    /// RFC 7252 §5.9.1.3.
    VALID = 2 . 3, "Valid";
    /// RFC 7252 §5.9.1.4.
    CHANGED = 2 . 4, "Changed";
    /// RFC 7252 §5.9.1.5.
    CONTENT = 2 . 5, "Content";
    /// RFC 7959 §2.9.1.
    CONTINUE = 2 . 31, "Continue";
    /// RFC 7252 §5.9.2.1.
    BAD_REQUEST = 4 . 0, "Bad Request";
    /// RFC 7252 §5.9.2.2.
    UNAUTHORIZED = 4 . 1, "Unauthorized";
    /// RFC 7252 §5.9.2.3.
    BAD_OPTION = 4 . 2, "Bad Option";
    /// RFC 7252 §5.9.2.4.
    FORBIDDEN = 4 . 3, "Forbidden";
    /// RFC 7252 §5.9.2.5.
    NOT_FOUND = 4 . 4, "Not Found";
    /// RFC 7252 §5.9.2.6.
    METHOD_NOT_ALLOWED = 4 . 5, "Method Not Allowed";
    /// RFC 7252 §5.9.2.7.
    NOT_ACCEPTABLE = 4 . 6, "Not Acceptable";
    /// RFC 7959 §2.9.2.
    REQUEST_ENTITY_INCOMPLETE = 4 . 8, "Request Entity Incomplete";
    /// RFC 8132 §3.
    CONFLICT = 4 . 9, "Conflict";
    /// RFC 7252 §5.9.2.8.
    PRECONDITION_FAILED = 4 . 12, "Precondition Failed";
    /// RFC 7252 §5.9.2.9.
    REQUEST_ENTITY_TOO_LARGE = 4 . 13, "Request Entity Too Large";
    /// RFC 7252 §5.9.2.10.
    UNSUPPORTED_CONTENT_FORMAT = 4 . 15, "Unsupported Content-Format";
    /// RFC 8132 §3.
    UNPROCESSABLE_ENTITY = 4 . 22, "Unprocessable Entity";
    /// RFC 8516.
    TOO_MANY_REQUESTS = 4 . 29, "Too Many Requests";
    /// RFC 7252 §5.9.3.1.
    INTERNAL_SERVER_ERROR = 5 . 0, "Internal Server Error";
    /// RFC 7252 §5.9.3.2.
    NOT_IMPLEMENTED = 5 . 1, "Not Implemented";
    /// RFC 7252 §5.9.3.3.
    BAD_GATEWAY = 5 . 2, "Bad Gateway";
    /// RFC 7252 §5.9.3.4.
    SERVICE_UNAVAILABLE = 5 . 3, "Service Unavailable";
    /// RFC 7252 §5.9.3.5.
    GATEWAY_TIMEOUT = 5 . 4, "Gateway Timeout";
    /// RFC 7252 §5.9.3.6.
    PROXYING_NOT_SUPPORTED = 5 . 5, "Proxying Not Supported";
    /// RFC 8768 §3.
    HOP_LIMIT_REACHED = 5 . 8, "Hop Limit Reached";
    /// RFC 8323 §5.3.
    CSM = 7 . 1, "CSM";
    /// RFC 8323 §5.4.
    PING = 7 . 2, "Ping";
    /// RFC 8323 §5.4.
    PONG = 7 . 3, "Pong";
    /// RFC 8323 §5.5.
    RELEASE = 7 . 4, "Release";
    /// RFC 8323 §5.6.
    ABORT = 7 . 5, "Abort";
}

impl Code {
    /// The code written `class.detail`, such as 2.05.
    ///
    /// # Panics
    ///
    /// If the class has more than three bits or the detail more than five.
    pub const fn new(class: u8, detail: u8) -> Self {
        assert!(class < 8 && detail < 32, "a class has three bits, a detail five");
        Self(class << 5 | detail)
    }

    /// The upper three bits.
    #[inline]
    pub const fn class(self) -> u8 {
        self.0 >> 5
    }

    /// The lower five bits.
    #[inline]
    pub const fn detail(self) -> u8 {
        self.0 & 0x1F
    }

    /// Whether it asks for something (0.01 to 0.31).
    #[inline]
    pub const fn is_request(self) -> bool {
        self.class() == 0 && self.0 != 0
    }

    /// Whether it answers something (2.00 to 5.31).
    #[inline]
    pub const fn is_response(self) -> bool {
        matches!(self.class(), 2..=5)
    }

    /// Whether it is a success (2.xx).
    #[inline]
    pub const fn is_success(self) -> bool {
        self.class() == 2
    }

    /// Whether it manages a connection (7.xx, RFC 8323 §5).
    #[inline]
    pub const fn is_signal(self) -> bool {
        self.class() == 7
    }

    /// Whether a repetition changes nothing more than the first time (RFC 7252 §5.1, RFC 8132 §1).
    pub fn is_idempotent(self) -> bool {
        matches!(self, Self::GET | Self::PUT | Self::DELETE | Self::FETCH | Self::IPATCH)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.class(), self.name()) {
            (0, Some(name)) => f.write_str(name),
            (class, Some(name)) => write!(f, "{class}.{:02} {name}", self.detail()),
            (class, None) => write!(f, "{class}.{:02}", self.detail()),
        }
    }
}
