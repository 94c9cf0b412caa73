//! Randomness from the operating system, in the shapes that we need.

/// Random bytes.
///
/// # Errors
/// When the operating system has no randomness to give, which happens only on broken systems.
pub fn bytes<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes)
}

/// A random secret of 256 bits as 64 hexadecimal digits, such as a host key.
///
/// # Errors
/// As [`bytes`].
pub fn token() -> std::io::Result<String> {
    bytes::<32>().map(hex::encode)
}

/// A random number from 2^40 up to 2^53: an id that JavaScript can hold, and that does not look like a small counter's.
///
/// # Errors
/// As [`bytes`].
pub fn account_id() -> std::io::Result<i64> {
    loop {
        let id = i64::from_le_bytes(bytes()?) & ((1 << 53) - 1);
        if id >= 1 << 40 {
            return Ok(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_range_and_differ() -> std::io::Result<()> {
        let ids: Vec<i64> = (0..1000).map(|_| account_id()).collect::<Result<_, _>>()?;
        assert!(ids.iter().all(|id| (1 << 40..1 << 53).contains(id)));
        assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), ids.len());
        assert_eq!(token()?.len(), 64);
        Ok(())
    }
}
