use std::collections::BTreeMap;

use magnitude_ids::{BUCKETS, Bucket};

/// Which shard owns each bucket, merged from what every shard says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    /// Counts the loads of this process, so that a refresh that another request just made is not made again.
    pub generation: u64,
    owners: Vec<Owner>,
    claims: Vec<Option<Claims>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Nobody,
    Shard {
        shard: usize,
        epoch: i64,
    },
    /// Several shards claim it with this same epoch: nothing may touch it until a higher one settles it.
    Disputed {
        epoch: i64,
    },
}

/// What one shard says: its revision and the buckets it holds, with their epochs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub revision: i64,
    pub buckets: Vec<(Bucket, i64)>,
}

impl Map {
    pub fn empty(shards: usize) -> Self {
        Self { generation: 0, owners: vec![Owner::Nobody; usize::from(BUCKETS)], claims: vec![None; shards] }
    }

    /// The next map: new claims where a shard answered, its last known ones where it was silent, since silence is no release.
    pub fn next(&self, answers: Vec<Option<Claims>>) -> Self {
        let claims: Vec<_> = answers.into_iter().zip(&self.claims).map(|(new, old)| new.or_else(|| old.clone())).collect();
        let mut owners = vec![Owner::Nobody; usize::from(BUCKETS)];
        for (shard, claims) in claims.iter().enumerate() {
            for (bucket, epoch) in claims.iter().flat_map(|claims| &claims.buckets) {
                let owner = &mut owners[usize::from(bucket.number())];
                *owner = merge(*owner, shard, *epoch, *bucket);
            }
        }
        Self { generation: self.generation + 1, owners, claims }
    }

    /// The shard and epoch of a bucket, if just one shard owns it.
    pub fn owner(&self, bucket: Bucket) -> Option<(usize, i64)> {
        match self.owners[usize::from(bucket.number())] {
            Owner::Shard { shard, epoch } => Some((shard, epoch)),
            Owner::Nobody | Owner::Disputed { .. } => None,
        }
    }

    /// The revision of each shard, if together they cover every bucket just once: what a read over all shards needs.
    pub fn complete(&self) -> Option<Vec<i64>> {
        let covered = Bucket::all().all(|bucket| self.owner(bucket).is_some());
        let claimed: usize = self.claims.iter().flatten().map(|claims| claims.buckets.len()).sum();
        (covered && claimed == usize::from(BUCKETS))
            .then(|| self.claims.iter().map(|claims| claims.as_ref().map_or(0, |claims| claims.revision)).collect())
    }

    /// The revision that a shard last told.
    pub fn revision(&self, shard: usize) -> Option<i64> {
        self.claims.get(shard)?.as_ref().map(|claims| claims.revision)
    }

    /// Whether every shard has answered at least once.
    pub fn heard_all(&self) -> bool {
        self.claims.iter().all(Option::is_some)
    }

    /// Buckets without a single owner.
    pub fn unowned(&self) -> Vec<Bucket> {
        Bucket::all().filter(|bucket| self.owner(*bucket).is_none()).collect()
    }

    pub fn owned_by(&self, shard: usize) -> Vec<Bucket> {
        Bucket::all().filter(|bucket| self.owner(*bucket).is_some_and(|(owner, _)| owner == shard)).collect()
    }

    /// A sentence for every bucket that several shards claim.
    pub fn overlaps(&self, name: impl Fn(usize) -> String) -> Vec<String> {
        let mut claims: BTreeMap<Bucket, Vec<(usize, i64)>> = BTreeMap::new();
        for (shard, claimed) in self.claims.iter().enumerate() {
            for (bucket, epoch) in claimed.iter().flat_map(|claims| &claims.buckets) {
                claims.entry(*bucket).or_default().push((shard, *epoch));
            }
        }
        let several = claims.into_iter().filter(|(_, claims)| claims.len() > 1);
        let sentence = |(bucket, claims): (Bucket, Vec<(usize, i64)>)| {
            let who: Vec<_> = claims.iter().map(|(shard, epoch)| format!("{} (epoch {epoch})", name(*shard))).collect();
            let outcome = self.owner(bucket).map_or("nobody gets it".to_owned(), |(owner, _)| format!("{} has it", name(owner)));
            format!("bucket {bucket} is claimed by {}: {outcome}", who.join(" and "))
        };
        several.map(sentence).collect()
    }
}

fn merge(owner: Owner, shard: usize, epoch: i64, bucket: Bucket) -> Owner {
    let claim = Owner::Shard { shard, epoch };
    let standing = match owner {
        Owner::Nobody => return claim,
        Owner::Shard { epoch, .. } | Owner::Disputed { epoch } => epoch,
    };
    tracing::warn!(%bucket, epoch, standing, "two shards claim a bucket: the higher epoch counts, equal ones block it");
    match epoch.cmp(&standing) {
        std::cmp::Ordering::Greater => claim,
        std::cmp::Ordering::Less => owner,
        std::cmp::Ordering::Equal => Owner::Disputed { epoch },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(revision: i64, epoch: i64, buckets: std::ops::Range<u16>) -> Claims {
        Claims { revision, buckets: buckets.map(|bucket| (Bucket::new(bucket).unwrap(), epoch)).collect() }
    }

    fn bucket(number: u16) -> Bucket {
        Bucket::new(number).unwrap()
    }

    #[test]
    fn the_higher_epoch_wins_whichever_shard_is_asked_first() {
        let map = Map::empty(2);

        assert_eq!(map.next(vec![Some(claims(1, 2, 0..1)), Some(claims(1, 1, 0..1))]).owner(bucket(0)), Some((0, 2)));
        assert_eq!(map.next(vec![Some(claims(1, 1, 0..1)), Some(claims(1, 2, 0..1))]).owner(bucket(0)), Some((1, 2)));
    }

    #[test]
    fn equal_epochs_block_their_bucket_and_no_other() {
        let map = Map::empty(2).next(vec![Some(claims(1, 1, 0..2)), Some(claims(1, 1, 1..3))]);

        assert_eq!(map.owner(bucket(0)), Some((0, 1)));
        assert_eq!(map.owner(bucket(1)), None);
        assert_eq!(map.owner(bucket(2)), Some((1, 1)));
        assert!(map.complete().is_none());
    }

    #[test]
    fn a_silent_shard_keeps_its_buckets() {
        let map = Map::empty(2).next(vec![Some(claims(1, 1, 0..2048)), Some(claims(1, 1, 2048..4096))]);

        let later = map.next(vec![None, Some(claims(1, 1, 2048..4096))]);

        assert_eq!(later.owner(bucket(0)), Some((0, 1)));
        assert_eq!(later.complete(), Some(vec![1, 1]));
    }

    #[test]
    fn an_unclaimed_bucket_makes_the_map_incomplete() {
        let map = Map::empty(1).next(vec![Some(claims(3, 1, 0..4095))]);

        assert!(map.complete().is_none());
        assert_eq!(map.unowned(), [bucket(4095)]);
    }
}
