use std::collections::HashSet;

use crate::{accounts::User, app::TestApp};

#[tokio::test]
async fn a_follow_shows_in_the_next_call() {
    let app = TestApp::new().await;
    let stranger = User::new("stranger", 7).id();
    let asked = [app.bob.id(), stranger, app.ann.id()];
    for _ in 0..10 {
        app.follow(&app.ann, "bob").await;
        assert_eq!(app.social.follows(app.ann.id(), &asked).await.unwrap(), HashSet::from([app.bob.id()]));
        assert_eq!(*app.social.following(app.ann.id()).await.unwrap(), [app.bob.id()]);

        app.unfollow(&app.ann, "bob").await;
        assert!(app.social.follows(app.ann.id(), &asked).await.unwrap().is_empty());
        assert!(app.social.following(app.ann.id()).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn following_has_a_direction() {
    let app = TestApp::new().await;
    app.follow(&app.ann, "bob").await;

    assert!(app.social.following(app.bob.id()).await.unwrap().is_empty());
    assert!(app.social.follows(app.bob.id(), &[app.ann.id()]).await.unwrap().is_empty());
}
