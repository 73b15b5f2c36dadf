//! Answers made of an article, its author, its favorites and who looks: a constant number of calls for any number of them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use axum::response::Response;
use bytes::Bytes;
use magnitude_cache::Versioned;
use magnitude_chassis::{ApiError, Reading};
use magnitude_contract::{
    Shown, Timestamp,
    accounts::{Profile, ProfileBody},
    articles::{ArticleAnswer, ArticleBody, ArticlesAnswer, CommentBody, CommentsAnswer},
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
        let authors = distinct(authors);
        let profiles = async { app.accounts.profiles(&authors).await.map_err(ApiError::unavailable) };
        let (profiles, followed) = futures_util::join!(profiles, followed(app, viewer, &authors));
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
        app.own.spoil();
        HashSet::new()
    })
}

/// Answers with one article and its body.
pub async fn article(app: &App, reading: &Reading, viewer: Option<&Session>, article: &Article) -> Result<Response, ApiError> {
    let (ids, authors) = ([article.head.id], [article.head.author]);
    let shown = Shown::new(ids.to_vec(), authors.to_vec());
    let ((counts, authors), flags) = futures_util::try_join!(seen(app, &ids, &authors), Flags::load(app, viewer, &shown))?;
    let favorites = Favorites { count: counts[0], favorited: false };
    let body = || ArticleAnswer { article: compose(&article.head, Some(&article.body), favorites, &authors) };
    Ok(reading.answer_to(&app.cache, Some(&app.own), shown, body, |shown, text| flags.fill(shown, text)))
}

/// Answers with the entries of a list, in its order; `count` is of all of them.
pub async fn list(
    app: &App,
    reading: &Reading,
    viewer: Option<&Session>,
    heads: &[impl AsRef<Head>],
    count: i64,
) -> Result<Response, ApiError> {
    let heads: Vec<&Head> = heads.iter().map(AsRef::as_ref).collect();
    let shown = Shown::new(heads.iter().map(|head| head.id).collect(), heads.iter().map(|head| head.author).collect());
    let seen = seen(app, &shown.articles, &shown.authors);
    let ((counts, authors), flags) = futures_util::try_join!(seen, Flags::load(app, viewer, &shown))?;
    let entry = |(head, count): (&&Head, i64)| compose(head, None, Favorites { count, favorited: false }, &authors);
    let body = || ArticlesAnswer { articles: heads.iter().zip(counts).map(entry).collect(), articles_count: count };
    Ok(reading.answer_to(&app.cache, Some(&app.own), shown, body, |shown, text| flags.fill(shown, text)))
}

/// Answers with the comments of an article.
pub async fn comments(app: &App, reading: &Reading, viewer: Option<&Session>, comments: &[Comment]) -> Result<Response, ApiError> {
    let shown = Shown::new(Vec::new(), comments.iter().map(|comment| comment.author).collect());
    let (authors, flags) = futures_util::try_join!(Authors::load(app, None, &shown.authors), Flags::load(app, viewer, &shown))?;
    let body = || CommentsAnswer { comments: comments.iter().map(|shown| comment(shown, &authors)).collect() };
    Ok(reading.answer_to(&app.cache, Some(&app.own), shown, body, |shown, text| flags.fill(shown, text)))
}

/// Answers with what is kept at this address and the flags of the viewer, if it may be used for one.
pub async fn kept(app: &App, reading: &Reading, viewer: Option<&Session>) -> Result<Option<Response>, ApiError> {
    let Some(viewer) = viewer else { return Ok(None) };
    let Some(kept) = reading.kept::<Shown>(viewer.wrote) else { return Ok(None) };
    let flags = Flags::load(app, Some(viewer), kept.about()).await?;
    Ok(Some(reading.answer_kept(&kept, &app.own, |shown, text| flags.fill(shown, text))))
}

/// What anybody sees around articles: how many favorited each, and who wrote them.
async fn seen(app: &App, articles: &[Id], authors: &[Id]) -> Result<(Vec<i64>, Authors), ApiError> {
    futures_util::try_join!(counts(app, articles), Authors::load(app, None, authors))
}

/// What a viewer alone sees: two questions at once, however many articles and authors.
#[derive(Default)]
struct Flags {
    favorited: Vec<bool>,
    followed: HashSet<Id>,
}

impl Flags {
    async fn load(app: &App, viewer: Option<&Session>, shown: &Shown) -> Result<Self, ApiError> {
        let Some(viewer) = viewer else { return Ok(Self::default()) };
        let favorited = favorited(app, viewer, &shown.articles);
        let followed = async { Ok(followed(app, Some(viewer), &distinct(&shown.authors)).await) };
        let (favorited, followed) = futures_util::try_join!(favorited, followed)?;
        Ok(Self { favorited, followed })
    }

    fn fill(&self, shown: &Shown, text: Bytes) -> Bytes {
        shown.fill(text, &self.favorited, &self.followed)
    }
}

fn distinct(ids: &[Id]) -> Vec<Id> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
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

async fn favorited(app: &App, viewer: &Session, articles: &[Id]) -> Result<Vec<bool>, ApiError> {
    let keys: Vec<_> = articles.iter().map(|id| favorited_key(*id, viewer.user)).collect();
    let found = app.own.get_many(&FAVORITED, &keys, async |missed, freshness| {
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
