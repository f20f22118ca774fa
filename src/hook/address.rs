//! Which addresses may be sent to, as they are written and as they are resolved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::domain::input::BadInput;

/// The longest address, in bytes.
const URL_BYTES_MAX: usize = 2_048;

/// What is accepted, in the words of a refusal.
pub(super) const ACCEPTED: &str =
    "expected https:// and a host that leads to the public internet, without a user name, in at most 2,048 characters";

/// What else is accepted where private addresses are.
const ACCEPTED_IN_PRIVATE: &str =
    "expected http:// or https:// and a host, without a user name, in at most 2,048 characters";

/// What may be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) allow_private: bool,
}

impl Rules {
    /// Reads an address as it is written. A number that stands for an address in whatever notation is read as browsers do.
    pub(super) fn parse(self, field: &str, text: &str) -> Result<Url, BadInput> {
        let accepted = if self.allow_private { ACCEPTED_IN_PRIVATE } else { ACCEPTED };
        let refuse = || BadInput::new(field, text, accepted);
        if text.len() > URL_BYTES_MAX {
            return Err(refuse());
        }
        let url = Url::parse(text).map_err(|_| refuse())?;
        let scheme = url.scheme() == "https" || (self.allow_private && url.scheme() == "http");
        let anonymous = url.username().is_empty() && url.password().is_none();
        let host = match url.host() {
            Some(Host::Ipv4(address)) => self.admit(address.into()),
            Some(Host::Ipv6(address)) => self.admit(address.into()),
            Some(Host::Domain(domain)) => !domain.is_empty() && (self.allow_private || !is_this_machine(domain)),
            None => false,
        };
        if scheme && anonymous && host { Ok(url) } else { Err(refuse()) }
    }

    /// Whether a connection to the address may be made.
    pub(super) fn admit(self, address: IpAddr) -> bool {
        self.allow_private
            || match address {
                IpAddr::V4(address) => is_public_v4(address),
                IpAddr::V6(address) => is_public_v6(address),
            }
    }
}

/// Whether a name stands for the machine itself, whatever a resolver says (RFC 6761, 6.3).
fn is_this_machine(domain: &str) -> bool {
    let last = domain.trim_end_matches('.').rsplit('.').next();
    last.is_some_and(|label| label.eq_ignore_ascii_case("localhost"))
}

/// By the registry of special-purpose addresses (<https://www.iana.org/assignments/iana-ipv4-special-registry>).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let special = match (first, second, third) {
        // This network, private, loopback; multicast, reserved and broadcast.
        (0 | 10 | 127 | 224.., ..)
        // Carrier-grade NAT, where one cloud keeps its metadata.
        | (100, 64..=127, _)
        // Link-local, where the other clouds keep theirs.
        | (169, 254, _)
        | (172, 16..=31, _)
        // Protocol assignments, documentation.
        | (192, 0, 0 | 2)
        // The relays of 6to4.
        | (192, 88, 99)
        | (192, 168, _)
        // Benchmarks; documentation.
        | (198, 18 | 19, _)
        | (198, 51, 100)
        | (203, 0, 113) => true,
        _ => false,
    };
    !special && address != PLATFORM
}

/// Where Azure answers its own machines, though the address is a public one.
const PLATFORM: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// By the registry of special-purpose addresses (<https://www.iana.org/assignments/iana-ipv6-special-registry>): of what is handed out to
/// the public, all but documentation, protocol assignments (Teredo, ORCHID) and 6to4, in which any address of IPv4 may be hidden.
fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let [first, second, ..] = address.segments();
    let handed_out = first & 0xe000 == 0x2000;
    let special = match (first, second) {
        (0x2001, 0..=0x01ff | 0x0db8) | (0x2002, _) => true,
        (0x3fff, second) => second < 0x1000,
        _ => false,
    };
    handed_out && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Rules = Rules { allow_private: false };
    const LAX: Rules = Rules { allow_private: true };

    #[test]
    fn a_private_address_is_refused_in_all_its_spellings() {
        let hosts = [
            "0.0.0.0",
            "10.1.2.3",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "017700000001",
            "127.0.0.1.",
            "100.64.0.1",
            "100.100.100.200",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[100::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[ff02::1]",
            "[2001::1]",
            "[2001:db8::1]",
            "[2002:7f00:1::]",
            "[3fff::1]",
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "[5f00::1]",
        ];
        for host in hosts {
            let refused = STRICT.parse("url", &format!("https://{host}/hook"));
            assert_eq!(refused.map_err(|bad| bad.field), Err("url".to_owned()), "{host}");
        }
        assert!(LAX.parse("url", "http://127.0.0.1:9/hook").is_ok());
    }

    #[test]
    fn a_public_address_is_accepted_and_nothing_but_https_without_a_name() {
        for url in [
            "https://example.com/hook?key=1",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]:8443/x",
            "https://[::ffff:8.8.8.8]/",
            "https://100.128.0.1/",
            "https://172.32.0.1/",
        ] {
            assert!(STRICT.parse("url", url).is_ok(), "{url}");
        }
        let long = format!("https://example.com/{}", "x".repeat(2_048));
        for url in [
            "",
            "x",
            "example.com",
            "http://example.com/",
            "ftp://example.com/",
            "https://",
            "https://user@example.com/",
            "https://:secret@example.com/",
            "file:///etc/passwd",
            "data:text/plain,x",
            long.as_str(),
        ] {
            assert!(STRICT.parse("url", url).is_err(), "{url}");
        }
        assert!(LAX.parse("url", "https://user:secret@127.0.0.1/").is_err());
    }
}
