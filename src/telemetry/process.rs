//! What a process takes of the machine, from Linux' `/proc`; nothing elsewhere.

use std::fs;
use std::time::Duration;

/// What `/proc` counts processor time in: 100 a second on every Linux of today.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Shows what this process takes.
pub fn measure() {
    if let Some(bytes) = resident_bytes("self") {
        metrics::gauge!("zapis_process_resident_bytes").set(bytes);
    }
    if let Some(time) = cpu_time("self") {
        metrics::counter!("zapis_process_cpu_seconds_total").absolute(time.as_secs());
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        let open = u32::try_from(open.count()).unwrap_or(u32::MAX);
        metrics::gauge!("zapis_process_open_fds").set(open);
    }
}

/// The memory of a process, by its id or `self`.
pub(crate) fn resident_bytes(process: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u32 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(f64::from(kibibytes) * 1024.0)
}

/// The processor time of a process until now, by its id or `self`.
pub(crate) fn cpu_time(process: &str) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name may hold spaces; what follows its closing parenthesis does not.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u32>().ok();
    Some(TICK * (next()? + next()?))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_sees_what_it_takes() {
        assert!(resident_bytes("self").unwrap() > 1_000_000.0);
        assert!(cpu_time("self").is_some());
    }
}
