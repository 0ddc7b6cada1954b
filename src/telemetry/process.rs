//! What this process takes of the machine, from Linux' `/proc`; nothing elsewhere.

use std::fs;

/// The unit of the times in `/proc/self/stat`: 1/100 s on every Linux that we know.
const TICKS: u64 = 100;

/// Shows memory, CPU time and open files.
pub fn measure() {
    if let Some(bytes) = resident_bytes() {
        metrics::gauge!("zapis_process_resident_bytes").set(bytes);
    }
    if let Some(ticks) = cpu_ticks() {
        metrics::counter!("zapis_process_cpu_seconds_total").absolute(ticks / TICKS);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        let open = u32::try_from(open.count()).unwrap_or(u32::MAX);
        metrics::gauge!("zapis_process_open_fds").set(open);
    }
}

fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u32 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(f64::from(kibibytes) * 1024.0)
}

/// In user and in kernel mode: the 14th and 15th field. The 2nd is a name and may hold spaces.
fn cpu_ticks() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_sees_what_it_takes() {
        assert!(resident_bytes().unwrap() > 1_000_000.0);
        assert!(cpu_ticks().is_some());
    }
}
