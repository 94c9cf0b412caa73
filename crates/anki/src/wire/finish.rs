//! `finish`, the last request of a sync. Like `chunk`, `abort` and `download` it has no arguments.

/// The answer of `finish`: the collection's new modification time in milliseconds, as a bare integer.
pub fn finish_answer(modified: i64) -> Vec<u8> {
    modified.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer() {
        assert_eq!(finish_answer(1_795_384_264_712), b"1795384264712");
    }
}
