//! Answers made of an article, its author, its favorites and who looks: a constant number of calls for any number of them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use magnitude_cache::Versioned;
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
    keyspaces::{COUNTS, FAVORITED, favorited_key},
    slug, store,
};

/// The authors of what is shown, as the viewer sees them.
pub struct Authors {
    profiles: HashMap<Id, Arc<Profile>>,
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
            Some(profile) => ProfileBody::new(profile, self.followed.contains(&author)),
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
        app.cache.spoil();
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

/// Two questions at once, however many articles: how many favorited each, and which the viewer did.
async fn favorites(app: &App, viewer: Option<&Session>, articles: &[Id]) -> Result<HashMap<Id, Favorites>, ApiError> {
    let (counts, flags) = futures_util::try_join!(counts(app, articles), flags(app, viewer, articles))?;
    let favorites = articles.iter().zip(counts).zip(flags);
    Ok(favorites.map(|((id, count), favorited)| (*id, Favorites { count, favorited })).collect())
}

async fn counts(app: &App, articles: &[Id]) -> Result<Vec<i64>, ApiError> {
    let keys: Vec<_> = articles.iter().map(|id| (id.bucket(), id.to_string())).collect();
    let found = app.cache.get_many(&COUNTS, &keys, async |missed, freshness| {
        let wanted: Vec<_> = missed.iter().map(|index| articles[*index]).collect();
        let counts = store::favorites::counts(&app.shards, &freshness, &wanted).await?;
        let found = missed.into_iter().filter_map(|index| Some((index, Versioned::unversioned(*counts.get(&articles[index])?))));
        Ok::<_, ApiError>(found.collect())
    });
    Ok(found.await?.into_iter().map(|count| count.as_deref().copied().unwrap_or_default()).collect())
}

async fn flags(app: &App, viewer: Option<&Session>, articles: &[Id]) -> Result<Vec<bool>, ApiError> {
    let Some(viewer) = viewer else { return Ok(vec![false; articles.len()]) };
    let keys: Vec<_> = articles.iter().map(|id| favorited_key(*id, viewer.user)).collect();
    let found = app.cache.get_many(&FAVORITED, &keys, async |missed, freshness| {
        let wanted: Vec<_> = missed.iter().map(|index| articles[*index]).collect();
        let flags = store::favorites::flags(&app.shards, &freshness, &wanted, viewer.user).await?;
        let found = missed.into_iter().filter_map(|index| {
            let (active, version) = *flags.get(&articles[index])?;
            Some((index, Versioned::new(version, active)))
        });
        Ok::<_, ApiError>(found.collect())
    });
    Ok(found.await?.into_iter().map(|flag| flag.as_deref().copied().unwrap_or_default()).collect())
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
