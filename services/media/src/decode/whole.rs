//! Whether a JPEG has an end. The decoder shows what is missing in grey; nobody wants that for an avatar.

const END: u8 = 0xd9;
const SCAN: u8 = 0xda;

/// Walks the segments up to the end marker. What is in them is the decoder's to judge.
pub fn is_whole(file: &[u8]) -> bool {
    // Behind the start marker.
    let mut at = 2;
    while let Some(marker) = marker(file, &mut at) {
        match marker {
            END => return true,
            // These stand alone: restarts and the temporary one.
            0x01 | 0xd0..=0xd7 => {}
            _ => {
                let Some(length) = length(file, at) else { return false };
                at += length;
                if marker == SCAN {
                    at = after_scan(file, at);
                }
            }
        }
    }
    false
}

/// The marker at this place, which any number of fill bytes may precede; the place moves behind it.
fn marker(file: &[u8], at: &mut usize) -> Option<u8> {
    if *file.get(*at)? != 0xff {
        return None;
    }
    while *file.get(*at)? == 0xff {
        *at += 1;
    }
    let marker = file[*at];
    *at += 1;
    Some(marker)
}

/// Of a segment, its two bytes of length included.
fn length(file: &[u8], at: usize) -> Option<usize> {
    let length = u16::from_be_bytes([*file.get(at)?, *file.get(at + 1)?]);
    (length >= 2).then_some(usize::from(length))
}

/// Where coded data end: at a marker that is neither a stuffed byte nor a restart.
fn after_scan(file: &[u8], from: usize) -> usize {
    let rest = file.get(from..).unwrap_or_default();
    let ends = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xff | 0xd0..=0xd7);
    rest.windows(2).position(ends).map_or(file.len(), |end| from + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG: &[u8] = &[
        0xff, 0xd8, // start
        0xff, 0xe1, 0, 6, 0xff, 0xd9, 0, 0, // a thumbnail with an end of its own
        0xff, 0xda, 0, 2, 1, 0xff, 0, 2, 0xff, 0xd3, 3, // a scan with a stuffed byte and a restart
        0xff, 0xc4, 0, 3, 9, // between scans
        0xff, 0xda, 0, 2, 5, 6, // another scan
        0xff, 0xff, 0xd9, // fill, end
    ];

    #[test]
    fn a_jpeg_is_whole_with_its_end_and_not_before() {
        assert!(is_whole(JPEG));
        assert!(is_whole(&[JPEG, b"<script>"].concat()), "what follows is no part of it");
        for cut in 0..JPEG.len() {
            assert!(!is_whole(&JPEG[..cut]), "{cut}");
        }
    }
}
