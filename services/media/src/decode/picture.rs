use std::io::Cursor;

use fast_image_resize::{MulDiv, PixelType, images::Image};
use image::{ColorType, ImageDecoder, ImageError, ImageReader, ImageResult, error::LimitErrorKind, metadata::Orientation};

use super::{Limits, whole::is_whole};
use crate::kind::{Kind, NO_IMAGE};

/// A decoded picture as it lies in the file, colours multiplied by their alpha if it has one, so that it can be scaled.
pub struct Picture {
    pub pixels: Image<'static>,
    /// How it is to be turned, once it is small.
    pub orientation: Orientation,
}

pub const BROKEN: &str = "is broken or cut off";
pub const TOO_HUNGRY: &str = "needs too much memory to be decoded";

/// The picture, or why it is refused. Its measures are looked at before anything of it is decoded.
pub fn decode(file: Vec<u8>, limits: &Limits) -> Result<Picture, String> {
    if file.len() > limits.most_bytes {
        return Err("is too large".to_owned());
    }
    let kind = Kind::of(&file).ok_or(NO_IMAGE)?;
    if kind == Kind::Jpeg && !is_whole(&file) {
        return Err(BROKEN.to_owned());
    }
    let mut reader = ImageReader::with_format(Cursor::new(file), kind.format());
    let mut bounds = image::Limits::no_limits();
    bounds.max_alloc = Some(limits.memory_bytes);
    reader.limits(bounds);
    let mut decoder = reader.into_decoder().map_err(|error| reason(&error))?;
    check_measures(decoder.dimensions(), limits)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let pixels = read(decoder, limits)?;
    Ok(Picture { pixels, orientation })
}

fn check_measures((width, height): (u32, u32), limits: &Limits) -> Result<(), String> {
    if width == 0 || height == 0 {
        return Err(BROKEN.to_owned());
    }
    if width.max(height) > limits.longest_side {
        return Err(format!("is wider or higher than {} pixels", limits.longest_side));
    }
    if u64::from(width) * u64::from(height) > limits.most_pixels {
        return Err(format!("has more than {} megapixels", limits.most_pixels / 1_000_000));
    }
    Ok(())
}

fn read(decoder: impl ImageDecoder, limits: &Limits) -> Result<Image<'static>, String> {
    let (width, height) = decoder.dimensions();
    let pixel_type = pixel_type(decoder.color_type()).ok_or(BROKEN)?;
    let size = usize::try_from(decoder.total_bytes()).ok().filter(|size| *size as u64 <= limits.memory_bytes).ok_or(TOO_HUNGRY)?;
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(size).map_err(|_| TOO_HUNGRY)?;
    buffer.resize(size, 0);
    decode_into(decoder, &mut buffer).map_err(|error| reason(&error))?;
    let mut pixels = Image::from_vec_u8(width, height, buffer, pixel_type).map_err(|_| BROKEN)?;
    if has_alpha(pixel_type) {
        // In place: a copy would double what the picture takes.
        MulDiv::new().multiply_alpha_inplace(&mut pixels).map_err(|_| BROKEN)?;
    }
    Ok(pixels)
}

fn decode_into(decoder: impl ImageDecoder, buffer: &mut [u8]) -> ImageResult<()> {
    decoder.read_image(buffer)
}

fn pixel_type(color: ColorType) -> Option<PixelType> {
    Some(match color {
        ColorType::L8 => PixelType::U8,
        ColorType::La8 => PixelType::U8x2,
        ColorType::Rgb8 => PixelType::U8x3,
        ColorType::Rgba8 => PixelType::U8x4,
        ColorType::L16 => PixelType::U16,
        ColorType::La16 => PixelType::U16x2,
        ColorType::Rgb16 => PixelType::U16x3,
        ColorType::Rgba16 => PixelType::U16x4,
        _ => return None,
    })
}

pub fn has_alpha(pixels: PixelType) -> bool {
    matches!(pixels, PixelType::U8x2 | PixelType::U8x4 | PixelType::U16x2 | PixelType::U16x4)
}

fn reason(error: &ImageError) -> String {
    let hungry = matches!(error, ImageError::Limits(limit) if matches!(limit.kind(), LimitErrorKind::InsufficientMemory));
    if hungry { TOO_HUNGRY } else { BROKEN }.to_owned()
}
