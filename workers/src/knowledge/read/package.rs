//! Office documents are ZIP archives of XML: what is in one, without unpacking more than memory can hold.

use std::io::{Cursor, Read};

use zip::ZipArchive;

/// How much all files of an archive may unpack to.
const UNPACKED: u64 = 128 * 1024 * 1024;
/// How many files an archive may have.
const FILES: usize = 10_000;

/// An archive whose size is known to be harmless.
pub(super) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
}

impl<'a> Package<'a> {
    /// Opens it, or says in words what is wrong.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let archive =
            ZipArchive::new(Cursor::new(bytes)).map_err(|_| "is broken: the file is not whole")?;
        if archive.len() > FILES {
            return Err("has too many files in it");
        }
        Ok(Self { archive })
    }

    /// Whether it has a file of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.archive.index_for_name(name).is_some()
    }

    /// Unpacks everything into nothing, so that a reader which trusts the archive may have it. Sizes that an
    /// archive states are not believed.
    pub(super) fn measure(&mut self) -> Result<(), &'static str> {
        self.unpacks_to(UNPACKED)
    }

    fn unpacks_to(&mut self, most: u64) -> Result<(), &'static str> {
        let mut left = most;
        for at in 0..self.archive.len() {
            let file = self.archive.by_index(at).map_err(|_| broken())?;
            let mut file = file.take(left + 1);
            let size = std::io::copy(&mut file, &mut std::io::sink()).map_err(|_| broken())?;
            left = left
                .checked_sub(size)
                .ok_or("unpacks to more than 128 MiB")?;
        }
        Ok(())
    }

    /// A file of it, as text.
    pub(super) fn text(&mut self, name: &str) -> Result<String, &'static str> {
        let file = self.archive.by_name(name).map_err(|_| broken())?;
        let mut bytes = Vec::new();
        let mut file = file.take(UNPACKED + 1);
        file.read_to_end(&mut bytes).map_err(|_| broken())?;
        if bytes.len() as u64 > UNPACKED {
            return Err("unpacks to more than 128 MiB");
        }
        super::text::decoded(&bytes, None).ok_or_else(broken)
    }
}

fn broken() -> &'static str {
    "is broken: a part of it cannot be unpacked"
}

#[cfg(test)]
mod tests {
    use super::super::samples::package;
    use super::*;

    #[test]
    fn an_archive_that_unpacks_to_more_than_memory_holds_is_refused() {
        let zeros = " ".repeat(1 << 16);
        let bomb = package(&[("word/document.xml", &zeros), ("word/more.xml", &zeros)]);
        assert!(bomb.len() < 1 << 12, "{}", bomb.len());
        let mut bomb = Package::open(&bomb).unwrap();
        assert_eq!(bomb.unpacks_to(1 << 17), Ok(()));
        assert_eq!(
            bomb.unpacks_to(100_000),
            Err("unpacks to more than 128 MiB")
        );
    }
}
