//! What a client may write, and the limits of it.

use magnitude_chassis::{ApiError, Body, Fields, Object, Patch};

use crate::article::{Changes, NewArticle};

const TITLE: usize = 200;
const DESCRIPTION: usize = 500;
const BODY: usize = 100_000;
const TAGS: usize = 20;
const TAG: usize = 40;

pub fn new_article(body: &Body) -> Result<NewArticle, ApiError> {
    let article = body.envelope("article")?;
    let mut fields = Fields::new();
    let title = article.text(&mut fields, "title", TITLE);
    let description = article.text(&mut fields, "description", DESCRIPTION);
    let text = article.text(&mut fields, "body", BODY);
    let tags = tags(&article, &mut fields);
    fields.finish()?;
    // A missing field was noted as a problem, so `finish` has answered by now.
    Ok(NewArticle {
        title: title.unwrap_or_default().to_owned(),
        description: description.unwrap_or_default().to_owned(),
        body: text.unwrap_or_default().to_owned(),
        tags: tags.unwrap_or_default(),
    })
}

pub fn changes(body: &Body) -> Result<Changes, ApiError> {
    let article = body.envelope("article")?;
    let mut fields = Fields::new();
    let changes = Changes {
        title: changed(&article, &mut fields, "title", TITLE),
        description: changed(&article, &mut fields, "description", DESCRIPTION),
        body: changed(&article, &mut fields, "body", BODY),
        tags: tags(&article, &mut fields),
    };
    fields.finish()?;
    Ok(changes)
}

pub fn comment(body: &Body) -> Result<String, ApiError> {
    let comment = body.envelope("comment")?;
    let mut fields = Fields::new();
    let text = comment.text(&mut fields, "body", BODY);
    fields.finish()?;
    Ok(text.unwrap_or_default().to_owned())
}

fn changed(article: &Object<'_>, fields: &mut Fields, name: &'static str, max: usize) -> Option<String> {
    match article.patch_text(fields, name, max) {
        Patch::Absent => None,
        Patch::Value(text) if !text.trim().is_empty() => Some(text.to_owned()),
        Patch::Null | Patch::Value(_) => {
            fields.problem(name, "can't be blank");
            None
        }
    }
}

/// Order is kept; a tag named twice counts once.
fn tags(article: &Object<'_>, fields: &mut Fields) -> Option<Vec<String>> {
    match article.patch_texts(fields, "tagList", TAGS, TAG) {
        Patch::Absent => None,
        Patch::Null => {
            fields.problem("tagList", "can't be null");
            None
        }
        Patch::Value(tags) => {
            let mut kept: Vec<String> = Vec::with_capacity(tags.len());
            for tag in tags {
                if tag.trim().is_empty() {
                    fields.problem("tagList", "can't contain a blank tag");
                } else if !kept.iter().any(|other| other == tag) {
                    kept.push(tag.to_owned());
                }
            }
            Some(kept)
        }
    }
}
