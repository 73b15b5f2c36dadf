use clap::{Args, Subcommand};
use magnitude_ids::Bucket;

/// `<service> reshard …`.
#[derive(Clone, Debug, Subcommand)]
pub enum Order {
    /// Show what a move would do, and change nothing
    Plan(Which),
    /// Move buckets to another shard while traffic runs
    Move(Move),
    /// Move the bucket of one busy user to a shard of its own choice
    Isolate {
        /// The username
        #[arg(long, required_unless_present = "user_id")]
        user: Option<String>,
        /// The id, as it stands at the end of a slug
        #[arg(long)]
        user_id: Option<String>,
        #[arg(long)]
        to: String,
        /// Check and say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Who owns what, what is in dispute, and which moves are not finished
    Status,
    /// Undo what a killed move left; what was released already is finished instead
    Abort,
}

/// Which buckets.
#[derive(Clone, Debug, Default, Args)]
#[group(required = true, multiple = true)]
pub struct Which {
    /// Even out the number of buckets over all shards of the settings
    #[arg(long, conflicts_with_all = ["buckets", "to"])]
    pub spread: bool,
    /// Numbers and ranges: 7,100-199
    #[arg(long, requires = "to", value_parser = parse)]
    pub buckets: Option<Buckets>,
    /// The shard that gets them
    #[arg(long, requires = "buckets")]
    pub to: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct Move {
    #[command(flatten)]
    pub which: Which,
    /// Buckets that move together; their writes pause together for a moment
    #[arg(long, default_value_t = 64)]
    pub batch: usize,
    /// Check and say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// A type of its own: clap takes a bare list for several values.
#[derive(Clone, Debug)]
pub struct Buckets(pub Vec<Bucket>);

fn parse(text: &str) -> Result<Buckets, String> {
    let mut buckets = Vec::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<u16>().map_err(|_| format!("{text:?} is no number of a bucket"));
        let (from, to) = (number(from)?, number(to)?);
        if from > to {
            return Err(format!("{part:?} ends before it begins"));
        }
        for number in from..=to {
            buckets.push(Bucket::try_from(number)?);
        }
    }
    buckets.sort_unstable();
    buckets.dedup();
    Ok(Buckets(buckets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_are_buckets() {
        let numbers = |text| parse(text).map(|Buckets(buckets)| buckets.iter().map(|bucket| bucket.number()).collect::<Vec<_>>());

        assert_eq!(numbers("7,3-5,4"), Ok(vec![3, 4, 5, 7]));
        for wrong in ["", "a", "5-3", "4096", "1-", "-1"] {
            assert!(numbers(wrong).is_err(), "{wrong:?}");
        }
    }
}
