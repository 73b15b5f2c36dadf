use std::{collections::HashMap, fmt, str::FromStr, sync::Arc};

use magnitude_database::Position;

pub type ShardName = Arc<str>;

/// How far the log of a shard must have been replayed for a replica of it to answer. A stamp of another shard than the one
/// that owns the bucket now proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub shard: ShardName,
    pub position: Position,
}

/// Where a read may be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Freshness {
    Primary,
    AtLeast(Stamp),
}

/// The same for reads that touch many shards: one without an entry reads its primary.
pub type ShardFreshness = HashMap<ShardName, Stamp>;

/// `shard/timeline/lsn`, the numbers in hexadecimal of fixed width, so that one shard's stamps sort as text too.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:08x}/{:016x}", self.shard, self.position.timeline, self.position.lsn)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("not a stamp")]
pub struct ParseStampError;

impl FromStr for Stamp {
    type Err = ParseStampError;

    fn from_str(text: &str) -> Result<Self, ParseStampError> {
        let mut parts = text.rsplitn(3, '/');
        let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
        let (lsn, timeline) = (number(), number());
        let (Some(lsn), Some(timeline), Some(shard)) = (lsn, timeline, parts.next()) else { return Err(ParseStampError) };
        let timeline = u32::try_from(timeline).map_err(|_| ParseStampError)?;
        Ok(Self { shard: shard.into(), position: Position { timeline, lsn } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_survives_its_text() {
        let stamp = Stamp { shard: "a/b".into(), position: Position { timeline: 7, lsn: 0xdead_beef } };

        assert_eq!(stamp.to_string().parse::<Stamp>().unwrap(), stamp);
        assert!("s1/1".parse::<Stamp>().is_err());
        assert!("s1/x/1".parse::<Stamp>().is_err());
    }
}
