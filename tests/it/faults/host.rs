//! The machine misbehaves: its disk is full, its clock jumps.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use zapis_sandbox::{Fault, FaultKind, Provider};

use super::Seeds;
use super::checker::{Verdict, judge};
use super::crowd::{Crowd, telegram};
use super::kill::BRISK;
use crate::support::firm::{Firm, On, PATIENCE};

/// A small disk of its own for the data folder; nobody else sees it, and it goes with the process.
const SMALL_DISK: &str = r#"mount -t tmpfs -o size=24m tmpfs "$1" && shift && exec "$@""#;

#[tokio::test]
async fn a_full_disk_refuses_what_is_new_and_loses_nothing() {
    Seeds::one("faults::host::a_full_disk")
        .play(1, fill_the_disk)
        .await;
}

async fn fill_the_disk(seed: u64) -> Verdict {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let unshare = if root { "-m" } else { "-rm" };
    let wrapper = [
        "unshare", unshare, "sh", "-c", SMALL_DISK, "mount", "{data}",
    ];
    let mut firm = Firm::wrapped(BRISK, &wrapper).await;
    let mut crowd = Crowd::new(seed);
    crowd.write(&firm, 5);
    crowd.chat(&firm).await;

    let filler = firm.own_data().join("filler");
    let bytes = fill(&filler);
    let deadline = Instant::now() + PATIENCE;
    // Files that have grown before have some room left inside.
    while !refused(&firm) {
        assert!(
            Instant::now() < deadline,
            "nothing was refused\n{}",
            firm.log()
        );
        crowd.write(&firm, 5);
        fill(&filler);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    crowd.chat(&firm).await;
    crowd.write(&firm, 5);
    fs::remove_file(&filler).unwrap();
    crowd.chat(&firm).await;
    crowd.write(&firm, 5);

    let deadline = Instant::now() + PATIENCE;
    while !crowd.is_taken(&firm) {
        assert!(
            Instant::now() < deadline,
            "it takes nothing\n{}",
            firm.log()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    loop {
        firm.look();
        if firm.queued() + firm.count("SELECT count(*) FROM parked") == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "it stands still\n{}", firm.log());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let verdict = judge(&firm, &crowd).await;
    println!("{bytes} bytes filled: {verdict:?}");
    assert!(verdict.messages >= 15, "{verdict:?}");
    assert_eq!(verdict.repeated_in_doubt, 0, "{}", firm.log());
    verdict
}

fn refused(firm: &Firm) -> bool {
    let posts = firm.sandbox.whatsapp_posts();
    posts.iter().any(|post| post.status == Some(503))
}

/// Takes all the room that is left, to the last byte.
fn fill(path: &Path) -> u64 {
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    let mut size = 1 << 20;
    while size > 0 {
        if file.write_all(&vec![0; size]).is_err() {
            size /= 2;
        }
    }
    file.metadata().unwrap().len()
}

#[tokio::test]
async fn a_clock_that_jumps_an_hour_stops_and_doubles_nothing() {
    Seeds::one("faults::host::a_clock").play(1, jump).await;
}

async fn jump(seed: u64) -> Verdict {
    let folder = TempDir::new().unwrap();
    let clock = folder.path().join("clock");
    let patient = format!("{BRISK}stale_after_minutes = 600\n");
    let mut firm = Firm::closed(On::Embedded, &patient, vec![vec!["run"]]).await;
    set(&clock, "+0");
    firm.environment = vec![
        ("LD_PRELOAD", faketime().display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", clock.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
    ];
    firm.start().await;
    let mut crowd = Crowd::new(seed);

    for jump in ["+3600", "+0", "-3600", "+0"] {
        // A lane is parked, and a reply is in doubt, across the jump.
        trouble(&firm, &mut crowd).await;
        crowd.write(&firm, 5);
        crowd.chat(&firm).await;
        set(&clock, jump);
        crowd.write(&firm, 5);
        crowd.chat(&firm).await;
        firm.kill();
        firm.start().await;
        crowd.write(&firm, 5);
    }

    let begun = Instant::now();
    let verdict = judge(&firm, &crowd).await;
    println!("{verdict:?}, settled in {:?}", begun.elapsed());
    assert!(verdict.messages >= 50, "{verdict:?}");
    verdict
}

async fn trouble(firm: &Firm, crowd: &mut Crowd) {
    let (parked, doubted) = (crowd.stranger(), crowd.stranger());
    let faults = [
        (parked, FaultKind::TooManyRequests { retry_after: 6 }),
        (doubted, FaultKind::CutAfterAccept),
    ];
    for (who, kind) in faults {
        let chat = telegram(who).to_string();
        let fault = Fault::new(Provider::Telegram, kind).on("sendMessage");
        firm.sandbox.add_fault(fault.to(&chat).times(1));
        crowd.write_telegram(firm, who, "Какой у вас адрес?");
        firm.called(Provider::Telegram, &chat).await;
    }
}

/// Sets the program's clock at once: it reads the file whenever it asks for the time.
fn set(clock: &Path, to: &str) {
    let new = clock.with_extension("new");
    fs::write(&new, to).unwrap();
    fs::rename(&new, clock).unwrap();
}

/// The library of the Debian package `faketime`.
fn faketime() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap();
    folders
        .filter_map(|folder| Some(folder.ok()?.path().join("faketime/libfaketimeMT.so.1")))
        .find(|library| library.exists())
        .expect("libfaketime is missing: install the Debian package `faketime`")
}
