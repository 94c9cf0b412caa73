//! The program. All it does is in the library.

// Gives memory back after large requests; the system's own would keep what each thread has ever used.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    djankiserv::cli::run()
}
