//! What the commands share: the server's parts that they work with, and what they read from and write to the terminal.

pub mod open;
pub mod output;
pub mod password_input;
pub mod progress;
