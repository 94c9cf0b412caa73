//! Whom an address stands for, where something is counted by address.

use std::net::{IpAddr, Ipv6Addr};

/// An IPv4 address, or the first half of an IPv6 address, as one customer gets all of the second half.
pub fn of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("{}/64", Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn addresses_are_counted_by_customer() -> Result<(), std::net::AddrParseError> {
        for (address, want) in
            [("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("::1", "::/64")]
        {
            assert_eq!(super::of(address.parse()?), want);
        }
        Ok(())
    }
}
