//! Images as clients send them.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

/// A picture with something in it: a gradient and noise.
pub fn picture(width: u32, height: u32) -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| {
        let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_le_bytes()[1] / 16;
        let part = |at: u32, of: u32| u8::try_from(at * 200 / of.max(1)).unwrap_or(200);
        Rgb([part(x, width) + noise, part(y, height) + noise, 100 + noise])
    }))
}

pub fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).expect("it can be written");
    file.into_inner()
}

pub fn jpeg(width: u32, height: u32) -> Vec<u8> {
    encoded(&picture(width, height), ImageFormat::Jpeg)
}

/// Red on the left, blue on the right, with an orientation in its metadata, and a place and a script beside that.
pub fn turned_jpeg(width: u32, height: u32, orientation: u8) -> Vec<u8> {
    let halves = RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([250, 0, 0]) } else { Rgb([0, 0, 250]) });
    let file = encoded(&DynamicImage::ImageRgb8(halves), ImageFormat::Jpeg);
    // One entry, the orientation, and then what nobody is to see.
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0]);
    exif.extend_from_slice(b"GPS 48.1374 <script>alert(1)</script>");
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&file[..2], &[0xff, 0xe1], &length, &exif, &file[2..], b"<script>alert(2)</script>"].concat()
}

/// A half-transparent red, on nothing.
pub fn glass(width: u32, height: u32) -> DynamicImage {
    DynamicImage::ImageRgba8(RgbaImage::from_pixel(width, height, Rgba([180, 60, 90, 128])))
}

/// A PNG whose head says these measures, whatever follows.
pub fn png_of(width: u32, height: u32, color: u8, data: &[u8]) -> Vec<u8> {
    let mut head = [width.to_be_bytes(), height.to_be_bytes()].concat();
    head.extend_from_slice(&[8, color, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, content) in [(b"IHDR", &head[..]), (b"IDAT", data), (b"IEND", &[])] {
        png.extend_from_slice(&u32::try_from(content.len()).unwrap().to_be_bytes());
        let chunk = [&name[..], content].concat();
        png.extend_from_slice(&chunk);
        png.extend_from_slice(&crc(&chunk).to_be_bytes());
    }
    png
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// What a variant shows.
pub fn shown(webp: &[u8]) -> DynamicImage {
    image::load_from_memory_with_format(webp, ImageFormat::WebP).expect("it is WebP")
}
