//! Closing the door behind the last who came in.
//!
//! Between the last look into a listening socket's queue and its closing, somebody can still connect; nobody would ever read what they
//! send. So the socket first stops hearing who asks to connect, its queue is emptied, and only then it is closed. Whoever asked
//! meanwhile asks again after a second, as TCP does by itself, and is refused then with nothing sent.

use std::io;
use tokio::net::TcpListener;

/// From now on, nobody new can connect; who is about to still does. The socket goes on listening.
#[cfg(target_os = "linux")]
pub(super) fn refuse_new_connections(listener: &TcpListener) -> io::Result<()> {
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
pub(super) fn refuse_new_connections(_listener: &TcpListener) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    #[tokio::test]
    async fn who_has_connected_is_heard_and_nobody_else() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut waiting = TcpStream::connect(address).unwrap();
            refuse_new_connections(&listener).unwrap();
            let late = std::thread::spawn(move || TcpStream::connect_timeout(&address, Duration::from_secs(5)));
            waiting.write_all(b"I was here first").unwrap();

            let listener = listener.into_std().unwrap();
            let (mut accepted, _) = listener.accept().unwrap();
            accepted.set_nonblocking(false).unwrap();
            let mut heard = [0; 16];
            accepted.read_exact(&mut heard).unwrap();
            assert_eq!(&heard, b"I was here first");
            accepted.write_all(b"yes").unwrap();
            let mut answer = [0; 3];
            waiting.read_exact(&mut answer).unwrap();

            std::thread::sleep(Duration::from_millis(200));
            assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
            drop(listener);
            assert_eq!(late.join().unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        }
    }
}
