//! What bytes are, by their beginning: names and content types that clients give are not believed.

use image::ImageFormat;

/// Bytes that tell.
pub const HEAD: usize = 12;

/// A kind of image that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Jpeg,
    Png,
    Gif,
    WebP,
}

impl Kind {
    /// From the first [`HEAD`] bytes, or all there are.
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            _ => None,
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
        }
    }

    pub fn format(self) -> ImageFormat {
        match self {
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::Gif => ImageFormat::Gif,
            Self::WebP => ImageFormat::WebP,
        }
    }
}

/// Why what is no such image is refused.
pub const NO_IMAGE: &str = "is not a JPEG, PNG, WebP or GIF image";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_beginning_of_an_image_is_one() {
        assert_eq!(Kind::of(b"GIF89a/*<script>"), Some(Kind::Gif));
        assert_eq!(Kind::of(b"RIFF\x01\0\0\0WEBPVP8 "), Some(Kind::WebP));
        for none in [&b""[..], b"GIF", b"<svg xmlns", b"\xef\xbb\xbf<svg", b"RIFF\x01\0\0\0WAVE", b"%PDF-1.7", b"\xff\xd8", b"BM\0\0"] {
            assert_eq!(Kind::of(none), None, "{none:?}");
        }
    }
}
