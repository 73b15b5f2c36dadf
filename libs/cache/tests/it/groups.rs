//! Pages of a list end together.

use magnitude_cache::{Cache, Group, Keyspace};

use crate::fixture::{Failed, Fixture, bucket, committed};

const PAGES: Keyspace<Vec<u64>> = {
    let hour = std::time::Duration::from_hours(1);
    Keyspace::new("it", "pages", hour, hour, hour)
};

async fn page(cache: &Cache, group: &Group, window: &str, load: Result<Vec<u64>, Failed>) -> Result<Vec<u64>, Failed> {
    cache.page(&PAGES, group, window, async || load.clone()).await.map(|page| (*page).clone())
}

#[tokio::test]
async fn a_void_ends_all_pages_of_its_group_and_no_others() {
    let fixture = Fixture::new();
    let (one, another) = (fixture.cache(), fixture.cache());
    let (rust, go) = (Group::new(bucket(), "tag:rust"), Group::new(bucket(), "tag:go"));
    for (group, window, ids) in [(&rust, "0-20", vec![1]), (&rust, "20-20", vec![2]), (&go, "0-20", vec![3])] {
        assert_eq!(page(&one, group, window, Ok(ids.clone())).await, Ok(ids));
    }
    assert_eq!(page(&another, &rust, "20-20", Err(Failed)).await, Ok(vec![2]));

    another.wrote(&committed(9), &[rust.void()]).await;

    assert_eq!(page(&one, &rust, "0-20", Err(Failed)).await, Err(Failed));
    assert_eq!(page(&one, &rust, "20-20", Err(Failed)).await, Err(Failed));
    assert_eq!(page(&one, &go, "0-20", Err(Failed)).await, Ok(vec![3]));
}

#[tokio::test]
async fn a_page_loaded_across_a_void_is_never_found_again() {
    let fixture = Fixture::new();
    let (reader, writer) = (fixture.cache(), fixture.cache());
    let group = Group::new(bucket(), "all");

    let across = async || {
        writer.wrote(&committed(9), &[group.void()]).await;
        Ok::<_, Failed>(vec![1])
    };
    reader.page(&PAGES, &group, "0-20", across).await.unwrap();

    assert_eq!(page(&reader, &group, "0-20", Err(Failed)).await, Err(Failed));
    assert_eq!(page(&reader, &group, "0-20", Ok(vec![2])).await, Ok(vec![2]));
}
