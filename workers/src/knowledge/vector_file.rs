//! The file in which vectors outlive a restart: only a cache, so what is not whole is asked for again.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use super::vectors::Vector;

/// The beginning of the file, with the version of its form.
const MAGIC: &[u8; 8] = b"zapisve1";
/// The length of a key.
const KEY: usize = 16;
/// No model has longer vectors.
const MOST_DIMENSIONS: usize = 1 << 16;

/// What is in the file; nothing when it is missing or damaged.
pub(super) fn read(path: &Path) -> HashMap<u128, Vector> {
    fs::read(path)
        .ok()
        .and_then(|bytes| parsed(&bytes))
        .unwrap_or_default()
}

fn parsed(bytes: &[u8]) -> Option<HashMap<u128, Vector>> {
    let (dimensions, records) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    let dimensions = usize::try_from(u32::from_le_bytes(*dimensions)).ok()?;
    if dimensions == 0 || dimensions > MOST_DIMENSIONS {
        return None;
    }
    let records = records.chunks_exact(KEY + dimensions * 4);
    if !records.remainder().is_empty() {
        return None;
    }
    let record = |record: &[u8]| {
        let (key, values) = record.split_first_chunk::<KEY>()?;
        let (values, _) = values.as_chunks::<4>();
        let vector: Vector = values
            .iter()
            .map(|value| f32::from_le_bytes(*value))
            .collect();
        let whole = vector.iter().all(|value| value.is_finite());
        whole.then(|| (u128::from_le_bytes(*key), vector))
    };
    records.map(record).collect()
}

/// Replaces the file at once.
pub(super) fn write(path: &Path, vectors: &HashMap<u128, Vector>) -> io::Result<()> {
    let dimensions = vectors.values().next().map_or(0, |vector| vector.len());
    let mut bytes = MAGIC.to_vec();
    bytes.extend(u32::try_from(dimensions).unwrap_or_default().to_le_bytes());
    for (key, vector) in vectors {
        if vector.len() == dimensions {
            bytes.extend(key.to_le_bytes());
            bytes.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
        }
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Another process of the same folder may write at the same time: each writes a file of its own.
    let whole = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&whole, bytes)?;
    fs::rename(&whole, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_damage_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vectors/a.bin");
        let vectors: HashMap<u128, Vector> = [(1, [0.5_f32, 0.25]), (u128::MAX, [1.0, -1.0])]
            .map(|(key, vector)| (key, Vector::from(vector)))
            .into();

        write(&path, &vectors).unwrap();

        assert_eq!(read(&path), vectors);
        let bytes = fs::read(&path).unwrap();
        for end in 0..bytes.len() {
            let part = parsed(&bytes[..end]).unwrap_or_default();
            assert!(part.len() < 2, "{end}");
        }
        let mut spoilt = bytes.clone();
        spoilt.truncate(bytes.len() - 4);
        spoilt.extend(f32::NAN.to_le_bytes());
        assert!(parsed(&spoilt).is_none());
        assert!(read(folder.path()).is_empty());
    }
}
