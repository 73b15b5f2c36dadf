use std::io::Write;

use anyhow::Context;
use fast_image_resize::{FilterType, MulDiv, ResizeAlg, ResizeOptions, Resizer, images::Image};
use image::metadata::Orientation;

use super::{
    Limits, encode,
    picture::{Picture, has_alpha},
    wire,
};

/// Writes a variant of each width, the smallest first; one is held at a time.
pub fn make(picture: Picture, limits: &Limits, out: &mut impl Write) -> anyhow::Result<()> {
    let Picture { pixels, orientation } = picture;
    let turned = is_turned(orientation);
    let (width, height) = turn(turned, (pixels.width(), pixels.height()));
    for wide in widths(&limits.widths, width) {
        let high = scaled(height, wide, width);
        let (across, down) = turn(turned, (wide, high));
        let small = scale(&pixels, across, down)?;
        let encoded = encode::webp(small, orientation, limits.quality)?;
        wire::tell(out, wide, high, &encoded)?;
    }
    Ok(())
}

/// Those widths that a picture of this one has pixels for, and its own if it is no wider than the widest of them.
pub fn widths(wanted: &[u32], own: u32) -> Vec<u32> {
    let mut widths: Vec<u32> = wanted.iter().copied().filter(|width| *width < own).collect();
    if wanted.iter().any(|width| *width >= own) {
        widths.push(own);
    }
    widths.sort_unstable();
    widths.dedup();
    widths
}

/// The nearest whole height, one at least.
fn scaled(height: u32, wide: u32, width: u32) -> u32 {
    let (height, wide, width) = (u64::from(height), u64::from(wide), u64::from(width));
    u32::try_from((height * wide + width / 2) / width).unwrap_or(u32::MAX).max(1)
}

fn scale(pixels: &Image<'static>, width: u32, height: u32) -> anyhow::Result<Image<'static>> {
    let mut small = Image::new(width, height, pixels.pixel_type());
    // Colours are multiplied already, where there is an alpha.
    let options = ResizeOptions::new().use_alpha(false).resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new().resize(pixels, &mut small, &options).context("the picture could not be scaled")?;
    if has_alpha(pixels.pixel_type()) {
        MulDiv::new().divide_alpha_inplace(&mut small)?;
    }
    Ok(small)
}

fn is_turned(orientation: Orientation) -> bool {
    matches!(orientation, Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH)
}

fn turn(turned: bool, (width, height): (u32, u32)) -> (u32, u32) {
    if turned { (height, width) } else { (width, height) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_variant_is_wider_than_the_picture() {
        assert_eq!(widths(&[640, 96, 256], 4_000), [96, 256, 640]);
        assert_eq!(widths(&[96, 256, 640], 640), [96, 256, 640]);
        assert_eq!(widths(&[96, 256, 640], 300), [96, 256, 300]);
        assert_eq!(widths(&[96, 256, 640], 1), [1]);
    }

    #[test]
    fn a_height_is_in_proportion_and_never_nothing() {
        assert_eq!(scaled(3_000, 640, 4_000), 480);
        assert_eq!(scaled(1, 96, 16_000), 1);
        assert_eq!(scaled(16_000, 1, 1), 16_000);
    }
}
