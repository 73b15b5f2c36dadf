use magnitude_ids::Id;

/// What is kept of a long title: a slug is for people to read, the id behind it does the work.
const READABLE: usize = 80;

/// `<slugified-title>-<id>`.
pub fn slug(title: &str, id: Id) -> String {
    let mut slug = String::with_capacity(title.len() + 12);
    for c in deunicode::deunicode_with_tofu(title, "").chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= READABLE {
            break;
        }
    }
    let readable = slug.trim_end_matches('-');
    if readable.is_empty() { id.to_string() } else { format!("{readable}-{id}") }
}

/// The id that a slug ends with. Only it counts, so a permalink survives a change of its title.
pub fn id(slug: &str) -> Option<Id> {
    slug.rsplit('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_id() -> Id {
        Id::from_i64(1_234_567_890_123).unwrap()
    }

    #[test]
    fn a_slug_reads_like_its_title_and_leads_to_its_id() {
        let slug = slug("How to train your dragon, über alles!", some_id());

        assert_eq!(slug, format!("how-to-train-your-dragon-uber-alles-{}", some_id()));
        assert_eq!(id(&slug), Some(some_id()));
    }

    #[test]
    fn a_title_without_letters_leaves_the_id() {
        assert_eq!(slug("!!!", some_id()), some_id().to_string());
        assert_eq!(id(&some_id().to_string()), Some(some_id()));
    }

    #[test]
    fn another_title_in_front_leads_to_the_same_article() {
        assert_eq!(id(&format!("old-title-{}", some_id())), Some(some_id()));
        assert_eq!(id("no-such-thing-at-all"), None);
        assert_eq!(id(""), None);
    }
}
