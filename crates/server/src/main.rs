//! The program. All it does is in the library.

fn main() -> std::process::ExitCode {
    djankiserv::cli::run()
}
