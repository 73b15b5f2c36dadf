//! What the process says on its standard output, and how it is read: frames of a tag, three numbers and so many bytes. The reader believes
//! nothing of it.

use std::io::{self, Write};

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt};

const VARIANT: u8 = b'v';
const REFUSED: u8 = b'r';
const END: u8 = b'e';

/// Of one frame: a WebP of the widest variant has a few hundred kilobytes.
const LARGEST: u32 = 32 << 20;

/// An encoded variant.
#[derive(Debug)]
pub struct Made {
    pub width: u32,
    pub height: u32,
    pub webp: Vec<u8>,
}

#[derive(Debug)]
pub enum Said {
    Variant(Made),
    Refused(String),
    End,
}

pub fn tell(out: &mut impl Write, width: u32, height: u32, webp: &[u8]) -> io::Result<()> {
    frame(out, VARIANT, width, height, webp)
}

pub fn refuse(out: &mut impl Write, reason: &str) -> io::Result<()> {
    frame(out, REFUSED, 0, 0, reason.as_bytes())
}

/// Without it what came may be cut off.
pub fn end(out: &mut impl Write) -> io::Result<()> {
    frame(out, END, 0, 0, &[])
}

fn frame(out: &mut impl Write, tag: u8, width: u32, height: u32, content: &[u8]) -> io::Result<()> {
    let length = u32::try_from(content.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    out.write_all(&[tag])?;
    for number in [width, height, length] {
        out.write_all(&number.to_le_bytes())?;
    }
    out.write_all(content)
}

/// Reads the next frame.
pub async fn read_one(from: &mut (impl AsyncRead + Unpin)) -> anyhow::Result<Said> {
    let tag = from.read_u8().await.context("it ended in the middle")?;
    let (width, height, length) = (from.read_u32_le().await?, from.read_u32_le().await?, from.read_u32_le().await?);
    ensure!(length <= LARGEST, "a frame of {length} bytes");
    let mut content = vec![0; usize::try_from(length)?];
    from.read_exact(&mut content).await?;
    Ok(match tag {
        VARIANT => Said::Variant(Made { width, height, webp: content }),
        REFUSED => Said::Refused(String::from_utf8(content)?),
        END => Said::End,
        tag => bail!("an unknown frame {tag}"),
    })
}
