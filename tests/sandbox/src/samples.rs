//! What people send who are given nothing to send: a picture and a voice message that can really be shown and played.

use bytes::Bytes;

const WIDTH: u8 = 160;
const HEIGHT: u8 = 120;

/// What is sent of a kind, as either messenger calls it.
pub(crate) fn of(kind: &str) -> Bytes {
    match kind {
        "photo" | "image" | "sticker" => picture(),
        "voice" | "audio" => voice(),
        _ => Bytes::from_static(b"a file"),
    }
}

/// A PNG of 160 × 120: a ring on a ground that goes from rose to gold.
pub fn picture() -> Bytes {
    let mut rows = Vec::new();
    for y in 0..HEIGHT {
        // The row as it is.
        rows.push(0);
        for x in 0..WIDTH {
            let (across, down) = (i32::from(x) - 80, i32::from(y) - 60);
            let is_ring = (1_100..1_700).contains(&(across * across + down * down));
            rows.extend(if is_ring {
                [250, 246, 240]
            } else {
                [214, 80 + y / 2, 150 - x / 2]
            });
        }
    }
    let head = [[0, 0, 0, WIDTH], [0, 0, 0, HEIGHT], [8, 2, 0, 0]].concat();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in [
        (b"IHDR", [head.as_slice(), &[0]].concat()),
        (b"IDAT", stored(&rows)),
        (b"IEND", Vec::new()),
    ] {
        let chunk = [name.as_slice(), &data].concat();
        png.extend(length(&data).to_be_bytes());
        png.extend_from_slice(&chunk);
        png.extend(reflected_crc(&chunk).to_be_bytes());
    }
    png.into()
}

/// Two seconds of Opus in Ogg: silence.
pub fn voice() -> Bytes {
    let head = b"OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00".to_vec();
    let tags = b"OpusTags\x05\x00\x00\x00zapis\x00\x00\x00\x00".to_vec();
    // Twenty milliseconds each, 48 samples a millisecond.
    let silence = vec![vec![0xf8, 0xff, 0xfe]; 100];
    let pages = [
        page(2, 0, 0, &[head]),
        page(0, 0, 1, &[tags]),
        page(4, 100 * 960, 2, &silence),
    ];
    pages.concat().into()
}

/// Bytes in zlib's clothes, not compressed.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    let size = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let mut whole = vec![0x78, 0x01, 0x01];
    whole.extend(size.to_le_bytes());
    whole.extend((!size).to_le_bytes());
    whole.extend_from_slice(bytes);
    whole.extend(((high << 16) | low).to_be_bytes());
    whole
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// A page of Ogg.
fn page(kind: u8, granule: u64, number: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let sizes = packets
        .iter()
        .map(|one| u8::try_from(one.len()).unwrap_or(u8::MAX));
    let sizes: Vec<u8> = sizes.collect();
    let mut page = b"OggS\x00".to_vec();
    page.push(kind);
    page.extend(granule.to_le_bytes());
    page.extend(7_u32.to_le_bytes());
    page.extend(number.to_le_bytes());
    page.extend([0; 4]);
    page.push(u8::try_from(sizes.len()).unwrap_or(u8::MAX));
    page.extend(sizes);
    page.extend(packets.concat());
    let crc = page.iter().fold(0_u32, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 24), |crc, _| {
            (crc << 1) ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    });
    page[22..26].copy_from_slice(&crc.to_le_bytes());
    page
}

/// CRC-32 as PNG has it.
fn reflected_crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}
