//! Closing the door behind the last who came in.
//!
//! Between the last look into a listening socket's queue and its closing, somebody can still connect; nobody would ever read what they
//! send. So the socket first stops hearing who asks to connect, its queue is emptied, and only then it is closed. Whoever asked
//! meanwhile asks again after a second, as TCP does by itself, and is refused then with nothing sent.

use std::io;
use tokio::net::TcpListener;

/// From now on, nobody new can connect; who is about to still does. The socket goes on listening.
#[cfg(target_os = "linux")]
pub(super) fn hear_nobody_new(listener: &TcpListener) -> io::Result<()> {
    use socket2::{SockFilter, SockRef};

    // For the kernel's classic packet filter, which sees segments from the TCP header on (linux/filter.h, RFC 9293 section 3.1).
    const LOAD_BYTE: u16 = 0x30;
    const SKIP_UNLESS_SET: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const PLACE_OF_FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    let without_syn = [
        SockFilter::new(LOAD_BYTE, 0, 0, PLACE_OF_FLAGS),
        SockFilter::new(SKIP_UNLESS_SET, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ];
    SockRef::from(listener).attach_filter(&without_syn)
}

/// Elsewhere the microseconds between the last look and the closing stay.
#[cfg(not(target_os = "linux"))]
pub(super) fn hear_nobody_new(_listener: &TcpListener) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
