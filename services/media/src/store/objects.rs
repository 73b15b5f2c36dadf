use magnitude_ids::Bucket;
use magnitude_sharding::{Error, Freshness, Shards};

/// What is known of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Kept,
    Doomed,
    Unknown,
}

/// Where the row of a content lives: the first 12 bits of its hash.
pub fn home(hash: &str) -> Bucket {
    let number = hash.get(..3).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    number.and_then(Bucket::new).unwrap_or_else(|| Bucket::of_name(hash))
}

/// Says that a content is about to be stored and referred to; false if it is doomed, and then it must not be. Whoever touched it has an
/// hour to refer to it.
pub async fn touch(shards: &Shards, hash: &str) -> Result<bool, Error> {
    Ok(shards.execute(home(hash), TOUCH, |q| q.bind(hash)).await? == 1)
}

/// The same for a content that must be there already.
pub async fn take(shards: &Shards, hash: &str) -> Result<State, Error> {
    if shards.execute(home(hash), TAKE, |q| q.bind(hash)).await? == 1 {
        return Ok(State::Kept);
    }
    let found: Option<(bool,)> = shards.fetch_optional(home(hash), Freshness::Primary, STATE, |q| q.bind(hash)).await?;
    // One that was spared between the two statements counts as doomed: asked again, it is there.
    Ok(found.map_or(State::Unknown, |_| State::Doomed))
}

pub(crate) const TOUCH: &str = "
    insert into objects as o (bucket, hash) select $1, $2 from (select sharding.guard($1) as passed) g where g.passed
    on conflict (bucket, hash) do update set touched_at = clock_timestamp() where o.doomed_at is null";

pub(crate) const TAKE: &str = "
    update objects set touched_at = clock_timestamp()
    where bucket = $1 and hash = $2 and doomed_at is null and (select sharding.guard($1))";

pub(crate) const STATE: &str = "
    select doomed_at is not null from objects where bucket = $1 and (select sharding.owns($1, $2)) and hash = $3";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_lives_where_its_first_twelve_bits_say() {
        assert_eq!(home(&format!("fff{}", "0".repeat(61))).number(), 4_095);
        assert_eq!(home(&format!("00a{}", "f".repeat(61))).number(), 10);
    }
}
