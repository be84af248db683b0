//! What a proxy reads in a request's options, and writes into those of the request that it makes of it.

use std::net::SocketAddr;

use wire::coap::{OptionNumber, Options};

/// Whom a request is for: Proxy-Scheme with Uri-Host and Uri-Port, or Proxy-Uri; the host by its address (§5.10.2).
pub(super) fn target(options: &Options) -> Option<SocketAddr> {
    if let Some(uri) = options.get(OptionNumber::PROXY_URI) {
        let rest = std::str::from_utf8(uri).ok()?.strip_prefix("coap://")?;
        let authority = rest.split(['/', '?']).next()?;
        let usual = || {
            authority.trim_matches(['[', ']']).parse().ok().map(|ip| SocketAddr::new(ip, wire::coap::PORT))
        };
        return authority.parse().ok().or_else(usual);
    }
    if options.get(OptionNumber::PROXY_SCHEME)? != b"coap" {
        return None;
    }
    let host = std::str::from_utf8(options.get(OptionNumber::URI_HOST)?).ok()?;
    let port = options.get_uint(OptionNumber::URI_PORT).and_then(|port| u16::try_from(port).ok());
    Some(SocketAddr::new(host.parse().ok()?, port.unwrap_or(wire::coap::PORT)))
}

/// Whether a request's Hop-Limit, if it has one, is 1 to 255 (RFC 8768 §3).
pub(super) fn is_hop_limit_right(options: &Options) -> bool {
    let mut limits = options.all(OptionNumber::HOP_LIMIT).map(wire::coap::uint);
    limits.all(|limit| limit.is_some_and(|limit| (1..=255).contains(&limit)))
}

/// The options of the request to the origin server, unless there have been too many hops (RFC 8768 §3).
pub(super) fn onward(options: &Options) -> Option<Options> {
    let hops = options.get_uint(OptionNumber::HOP_LIMIT).unwrap_or(HOP_LIMIT_DEFAULT + 1);
    let left = hops.checked_sub(1).filter(|&left| left > 0)?;
    let mut onward = options.clone();
    let consumed = [
        OptionNumber::PROXY_SCHEME,
        OptionNumber::PROXY_URI,
        OptionNumber::URI_HOST,
        OptionNumber::URI_PORT,
        OptionNumber::HOP_LIMIT,
    ];
    onward.retain(|option| !consumed.contains(&option.number));
    if let Some(uri) = options.get(OptionNumber::PROXY_URI).and_then(|uri| std::str::from_utf8(uri).ok()) {
        let path =
            uri.strip_prefix("coap://").and_then(|rest| rest.split_once('/')).map_or("", |(_, path)| path);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        onward.push_path(OptionNumber::URI_PATH, path);
        for part in query.split('&').filter(|part| !part.is_empty()) {
            onward.push(OptionNumber::URI_QUERY, part.as_bytes());
        }
    }
    onward.push_uint(OptionNumber::HOP_LIMIT, left);
    Some(onward)
}

/// The options that tell cached responses apart (§5.4.2, §5.6).
pub(super) fn cache_key(options: &Options) -> Vec<u8> {
    let mut key = options.clone();
    key.retain(|option| {
        let apart = [OptionNumber::ETAG, OptionNumber::OBSERVE, OptionNumber::HOP_LIMIT];
        !option.number.is_no_cache_key() && !apart.contains(&option.number)
    });
    key.as_bytes().to_vec()
}

/// RFC 8768 §3.
const HOP_LIMIT_DEFAULT: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn options(hop_limit: Option<&[u8]>) -> Options {
        let mut options = Options::new();
        options.push(OptionNumber::PROXY_SCHEME, b"coap");
        options.push(OptionNumber::URI_HOST, b"10.0.0.2");
        options.push_path(OptionNumber::URI_PATH, "temperature");
        if let Some(value) = hop_limit {
            options.push(OptionNumber::HOP_LIMIT, value);
        }
        options
    }

    // Holds: RFC 8768 3-a, 3-b
    #[test]
    fn each_proxy_takes_one_hop_and_the_last_goes_no_further() {
        let left = |value| onward(&options(value)).map(|onward| onward.get_uint(OptionNumber::HOP_LIMIT));
        assert_eq!(left(None), Some(Some(16)), "16 where there was none");
        assert_eq!(left(Some(&[16])), Some(Some(15)));
        assert_eq!(left(Some(&[2])), Some(Some(1)));
        assert_eq!(left(Some(&[1])), None);
    }

    // Holds: RFC 8768 3-c
    #[test]
    fn a_hop_limit_of_zero_or_above_255_is_an_error() {
        assert!(is_hop_limit_right(&options(None)) && is_hop_limit_right(&options(Some(&[255]))));
        for wrong in [&[][..], &[0], &[1, 0], &[1, 0, 0, 0, 0]] {
            assert!(!is_hop_limit_right(&options(Some(wrong))), "{wrong:?}");
        }
    }

    #[test]
    fn an_origin_server_is_found_by_options_or_by_a_uri() {
        let address = |text: &str| Some(text.parse().expect("an address"));
        assert_eq!(target(&options(None)), address("10.0.0.2:5683"));
        let by_uri = |uri: &[u8]| target(&Options::new().with(OptionNumber::PROXY_URI, uri));
        assert_eq!(by_uri(b"coap://10.0.0.3:99/a/b?c"), address("10.0.0.3:99"));
        assert_eq!(by_uri(b"coap://[fd00::3]/a"), address("[fd00::3]:5683"));
        assert_eq!(by_uri(b"http://10.0.0.3/"), None);
    }
}
