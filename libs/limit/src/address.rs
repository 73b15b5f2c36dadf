use std::net::{IpAddr, Ipv6Addr};

use axum::http::HeaderMap;

const HEADER: &str = "x-envoy-external-address";
/// Who does not come through Envoy shares one limit.
const UNKNOWN: &str = "unknown";

/// Where a request comes from, as the load balancer saw it.
pub fn address(headers: &HeaderMap) -> String {
    let value = headers.get(HEADER).and_then(|value| value.to_str().ok()?.trim().parse::<IpAddr>().ok());
    value.map_or_else(|| UNKNOWN.to_owned(), |address| household(address).to_string())
}

/// Whoever has an IPv6 address has 2^64 of them.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(value: &'static [u8]) -> String {
        address(&HeaderMap::from_iter([(HEADER.parse().unwrap(), HeaderValue::from_bytes(value).unwrap())]))
    }

    #[test]
    fn an_address_is_what_envoy_says_and_a_network_of_ipv6_is_one() {
        assert_eq!(of(b"10.1.2.3"), "10.1.2.3");
        assert_eq!(of(b"::ffff:10.1.2.3"), "10.1.2.3");
        assert_eq!(of(b"2001:db8:1:2:3:4:5:6"), of(b"2001:db8:1:2::1"));
        assert_ne!(of(b"2001:db8:1:2::1"), of(b"2001:db8:1:3::1"));
    }

    #[test]
    fn what_is_no_address_is_unknown() {
        for value in [&b""[..], b"10.1.2", b"a, b", b"\xff"] {
            assert_eq!(of(value), UNKNOWN);
        }
        assert_eq!(address(&HeaderMap::new()), UNKNOWN);
    }
}
