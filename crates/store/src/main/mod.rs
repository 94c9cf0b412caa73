//! The main database: accounts, host keys, sessions.
