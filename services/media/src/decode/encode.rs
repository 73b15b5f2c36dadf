use anyhow::{Context, anyhow};
use fast_image_resize::{PixelType, images::Image};
use image::{DynamicImage, ImageBuffer, metadata::Orientation};
use webp::{Encoder, WebPMemory};

/// A small picture as lossy WebP, turned as it is to be seen. Nothing but its pixels gets through.
pub fn webp(picture: Image<'static>, orientation: Orientation, quality: f32) -> anyhow::Result<WebPMemory> {
    let mut picture = eight_bits(picture).context("the picture's buffer has another size")?;
    picture.apply_orientation(orientation);
    let encoded = if picture.color().has_alpha() {
        let picture = picture.into_rgba8();
        Encoder::from_rgba(&picture, picture.width(), picture.height()).encode_simple(false, quality)
    } else {
        let picture = picture.into_rgb8();
        Encoder::from_rgb(&picture, picture.width(), picture.height()).encode_simple(false, quality)
    };
    encoded.map_err(|error| anyhow!("it could not be encoded: {error:?}"))
}

/// Nothing if the buffer is not of the picture's size.
fn eight_bits(picture: Image<'static>) -> Option<DynamicImage> {
    let (width, height, kind) = (picture.width(), picture.height(), picture.pixel_type());
    let buffer = picture.into_vec();
    let wide = |buffer: Vec<u8>| buffer.chunks_exact(2).map(|pair| u16::from_ne_bytes([pair[0], pair[1]])).collect::<Vec<_>>();
    Some(match kind {
        PixelType::U8 => DynamicImage::ImageLuma8(ImageBuffer::from_raw(width, height, buffer)?),
        PixelType::U8x2 => DynamicImage::ImageLumaA8(ImageBuffer::from_raw(width, height, buffer)?),
        PixelType::U8x3 => DynamicImage::ImageRgb8(ImageBuffer::from_raw(width, height, buffer)?),
        PixelType::U8x4 => DynamicImage::ImageRgba8(ImageBuffer::from_raw(width, height, buffer)?),
        PixelType::U16 => DynamicImage::ImageLuma16(ImageBuffer::from_raw(width, height, wide(buffer))?),
        PixelType::U16x2 => DynamicImage::ImageLumaA16(ImageBuffer::from_raw(width, height, wide(buffer))?),
        PixelType::U16x3 => DynamicImage::ImageRgb16(ImageBuffer::from_raw(width, height, wide(buffer))?),
        PixelType::U16x4 => DynamicImage::ImageRgba16(ImageBuffer::from_raw(width, height, wide(buffer))?),
        _ => return None,
    })
}
