//! What another service owns is read, and neither filled nor leased.

use crate::fixture::{Failed, Fixture, NOTES, bucket, cached, committed, found, read, some};

#[tokio::test]
async fn an_entry_of_its_owner_is_read_by_others() {
    let fixture = Fixture::new();
    read(&fixture.cache(), found(1, "one")).await.unwrap();

    assert_eq!(cached(&fixture.foreign_cache()).await, some("one"));
}

#[tokio::test]
async fn others_neither_fill_nor_keep_the_owner_waiting() {
    let fixture = Fixture::new();
    let (owner, other) = (fixture.cache(), fixture.foreign_cache());

    assert_eq!(read(&other, found(1, "asked of the owner")).await, some("asked of the owner"));

    assert_eq!(cached(&other).await, Err(Failed), "it did not fill");
    // With another's lease in the way it would wait, and then load without filling.
    assert_eq!(read(&owner, found(2, "filled")).await, some("filled"));
    assert_eq!(cached(&other).await, some("filled"));
    owner.wrote(&committed(9), &[NOTES.void(bucket(), "a", 3)]).await;
    assert_eq!(cached(&other).await, Err(Failed));
}
