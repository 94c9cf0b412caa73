//! The program. All it does is in the library.

fn main() -> std::process::ExitCode {
    limit_heaps();
    djankiserv::cli::run()
}

/// By itself, glibc gives most threads a heap of their own and keeps in each what was ever needed there: a few downloads of collections,
/// each on another thread, and the process has twice the memory that it needs.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "there is no other way to say it than this call, which takes two numbers and keeps no pointer")]
fn limit_heaps() {
    // Enough for the threads that allocate at the same time; small blocks come from a cache of each thread anyway.
    const HEAPS: libc::c_int = 2;
    // Blocks from this size on, such as what checking a password takes, go back to the system at once.
    const LARGE: libc::c_int = 2 << 20;
    const SPARE: libc::c_int = 8 << 20;
    for (setting, value) in [(libc::M_ARENA_MAX, HEAPS), (libc::M_MMAP_THRESHOLD, LARGE), (libc::M_TRIM_THRESHOLD, SPARE)] {
        // SAFETY: called first of all, before there are other threads.
        unsafe {
            libc::mallopt(setting, value);
        }
    }
}

#[cfg(not(target_env = "gnu"))]
fn limit_heaps() {}
