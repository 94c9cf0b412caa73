//! What the system knows of this process, under the names that Prometheus's own clients use. Linux only; elsewhere there is nothing.

use super::kinds::Page;
use std::fs;

/// What `/proc` says.
pub(super) fn write(page: &mut Page) {
    let open = fs::read_dir("/proc/self/fd").map(Iterator::count);
    if let Ok(open) = open {
        // Without the one that reads the folder.
        page.single("process_open_fds", "gauge", "Open file descriptors.", open.saturating_sub(1));
    }
    if let Ok((soft, _)) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE) {
        page.single("process_max_fds", "gauge", "File descriptors that may be open.", soft);
    }
    if let Some(bytes) = resident_bytes() {
        page.single("process_resident_memory_bytes", "gauge", "Memory in use.", bytes);
    }
    if let Some((cpu, started)) = times() {
        page.single("process_cpu_seconds_total", "counter", "Processor time used.", cpu);
        page.single("process_start_time_seconds", "gauge", "When the process started, in seconds since the epoch.", started);
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// Used processor time, and the start in seconds since the epoch.
fn times() -> Option<(f64, f64)> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name, in parentheses, and can hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok()?? as f64;
    let boot = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = boot.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(((field(14)? + field(15)?) / ticks, boot + field(22)? / ticks))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_plausible() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
        let (cpu, started) = times().expect("/proc is there");
        assert!(cpu < 1e6 && started > 1.7e9, "{cpu} {started}");
    }
}
