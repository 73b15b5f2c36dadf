use magnitude_ids::Bucket;

/// Buckets that go from one shard to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub from: usize,
    pub to: usize,
    pub buckets: Vec<Bucket>,
}

/// What evens out the number of buckets, moving as few as can be: each shard keeps its first ones up to its share, the rest fills the
/// others in order. `owned` lists every shard's buckets.
pub fn spread(owned: &[Vec<Bucket>]) -> Vec<Part> {
    let total: usize = owned.iter().map(Vec::len).sum();
    let mut order: Vec<usize> = (0..owned.len()).collect();
    // Whoever has more keeps one more, so that nothing moves for the remainder's sake.
    order.sort_by_key(|shard| std::cmp::Reverse(owned[*shard].len()));
    let mut share = vec![0; owned.len()];
    for (place, shard) in order.into_iter().enumerate() {
        share[shard] = total / owned.len() + usize::from(place < total % owned.len());
    }
    let mut surplus =
        owned.iter().enumerate().flat_map(|(from, buckets)| buckets.iter().skip(share[from]).map(move |bucket| (from, *bucket)));
    let mut parts: Vec<Part> = Vec::new();
    for (to, buckets) in owned.iter().enumerate() {
        for (from, bucket) in surplus.by_ref().take(share[to].saturating_sub(buckets.len())) {
            match parts.last_mut() {
                Some(part) if (part.from, part.to) == (from, to) => part.buckets.push(bucket),
                _ => parts.push(Part { from, to, buckets: vec![bucket] }),
            }
        }
    }
    parts
}

/// Numbers in order, runs written short: `3-5,7`.
pub(crate) fn in_words(buckets: &[Bucket]) -> String {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for number in buckets.iter().map(|bucket| bucket.number()) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let run = |(first, last): (u16, u16)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    runs.into_iter().map(run).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbered(counts: &[usize]) -> Vec<Vec<Bucket>> {
        let mut all = Bucket::all();
        counts.iter().map(|count| all.by_ref().take(*count).collect()).collect()
    }

    #[test]
    fn a_new_shard_gets_its_share_from_each_of_the_others() {
        let parts = spread(&numbered(&[2048, 2048, 0]));

        assert_eq!(parts.iter().map(|part| (part.from, part.to, part.buckets.len())).collect::<Vec<_>>(), [(0, 2, 682), (1, 2, 683)]);
    }

    #[test]
    fn what_is_even_stays() {
        assert!(spread(&numbered(&[1366, 1365, 1365])).is_empty());
        assert!(spread(&numbered(&[1365, 1365, 1366])).is_empty());
    }

    #[test]
    fn runs_are_written_short() {
        let buckets: Vec<_> = [3, 4, 5, 7].into_iter().filter_map(Bucket::new).collect();

        assert_eq!(in_words(&buckets), "3-5,7");
    }

    proptest! {
        #[test]
        fn after_a_spread_no_shard_has_two_more_than_another(counts in proptest::collection::vec(0_usize..800, 1..5)) {
            let owned = numbered(&counts);
            let mut after: Vec<usize> = counts.clone();
            for part in spread(&owned) {
                prop_assert!(part.buckets.iter().all(|bucket| owned[part.from].contains(bucket)));
                after[part.from] -= part.buckets.len();
                after[part.to] += part.buckets.len();
            }
            let (least, most) = (after.iter().min().unwrap(), after.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{:?}", after);
        }
    }
}
