//! Answers made of an article, its author, its favorites and who looks: a constant number of calls for any number of them.

use std::collections::{HashMap, HashSet};

use magnitude_chassis::ApiError;
use magnitude_contract::{
    Timestamp,
    accounts::{Profile, ProfileBody},
    articles::{ArticleBody, CommentBody},
};
use magnitude_ids::Id;
use magnitude_session::Session;

use crate::{
    App,
    article::{Article, Comment, Favorites, Head},
    slug, store,
};

/// The authors of what is shown, as the viewer sees them.
pub struct Authors {
    profiles: HashMap<Id, Profile>,
    followed: HashSet<Id>,
}

impl Authors {
    pub async fn load(app: &App, viewer: Option<&Session>, authors: &[Id]) -> Result<Self, ApiError> {
        let profiles = async { app.accounts.profiles(authors).await.map_err(ApiError::unavailable) };
        let (profiles, followed) = futures_util::join!(profiles, followed(app, viewer, authors));
        Ok(Self { profiles: profiles?, followed })
    }

    /// Every author has a profile: users are never deleted. One that is missing all the same shows by a name that nobody has.
    pub fn body(&self, author: Id) -> ProfileBody {
        match self.profiles.get(&author) {
            Some(profile) => ProfileBody {
                username: profile.username.clone(),
                bio: profile.bio.clone(),
                image: profile.image.clone(),
                following: self.followed.contains(&author),
            },
            None => ProfileBody { username: String::new(), bio: None, image: None, following: false },
        }
    }
}

/// Which of the authors the viewer follows. Without an answer from social nobody is shown as followed: the article is worth
/// more than the flag.
async fn followed(app: &App, viewer: Option<&Session>, authors: &[Id]) -> HashSet<Id> {
    let Some(viewer) = viewer else { return HashSet::new() };
    app.social.follows(viewer.user, authors).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "social did not answer: nobody is shown as followed");
        magnitude_chassis::degraded("social");
        HashSet::new()
    })
}

/// One article with its body.
pub async fn article(app: &App, viewer: Option<&Session>, article: &Article) -> Result<ArticleBody, ApiError> {
    let favorites = favorites(app, viewer, std::slice::from_ref(&article.head.id));
    let authors = [article.head.author];
    let (favorites, authors) = futures_util::try_join!(favorites, Authors::load(app, viewer, &authors))?;
    let favorites = favorites.get(&article.head.id).copied().unwrap_or_default();
    Ok(compose(&article.head, Some(&article.body), favorites, &authors))
}

/// Entries of a list, in its order.
pub async fn list(app: &App, viewer: Option<&Session>, heads: &[impl AsRef<Head>]) -> Result<Vec<ArticleBody>, ApiError> {
    let ids: Vec<_> = heads.iter().map(|head| head.as_ref().id).collect();
    let mut authors: Vec<_> = heads.iter().map(|head| head.as_ref().author).collect();
    authors.sort_unstable();
    authors.dedup();
    let (favorites, authors) = futures_util::try_join!(favorites(app, viewer, &ids), Authors::load(app, viewer, &authors))?;
    let body = |head: &Head| compose(head, None, favorites.get(&head.id).copied().unwrap_or_default(), &authors);
    Ok(heads.iter().map(|head| body(head.as_ref())).collect())
}

async fn favorites(app: &App, viewer: Option<&Session>, articles: &[Id]) -> Result<HashMap<Id, Favorites>, ApiError> {
    let buckets: Vec<_> = articles.iter().map(|id| id.bucket()).collect();
    let freshness = app.cache.freshness_of(&buckets).await;
    Ok(store::favorites::of(&app.shards, &freshness, articles, viewer.map(|session| session.user)).await?)
}

pub fn compose(head: &Head, body: Option<&str>, favorites: Favorites, authors: &Authors) -> ArticleBody {
    ArticleBody {
        slug: slug::slug(&head.title, head.id),
        title: head.title.clone(),
        description: head.description.clone(),
        body: body.map(Into::into),
        tag_list: head.tags.clone(),
        created_at: Timestamp(head.created_at),
        updated_at: Timestamp(head.updated_at),
        favorited: favorites.favorited,
        favorites_count: favorites.count,
        author: authors.body(head.author),
    }
}

pub fn comment(comment: &Comment, authors: &Authors) -> CommentBody {
    CommentBody {
        id: comment.id.unsigned_abs(),
        created_at: Timestamp(comment.created_at),
        updated_at: Timestamp(comment.created_at),
        body: comment.body.clone(),
        author: authors.body(comment.author),
    }
}
