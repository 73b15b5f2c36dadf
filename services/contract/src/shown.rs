//! Who looks changes two flags of an answer and nothing else. So an answer is made and kept with none of them set, and the viewer's are
//! set in its text.

use std::{collections::HashSet, sync::OnceLock};

use bytes::Bytes;
use magnitude_ids::Id;
use memchr::memmem;

const FALSE: &str = "false";
/// Keys with their values. Within a JSON string a quote has a backslash in front, so no text of a user looks like one of these.
const FAVORITED: &str = r#""favorited":false"#;
const FOLLOWING: &str = r#""following":false"#;

/// The articles and authors of an answer, each in its order.
#[derive(Debug)]
pub struct Shown {
    pub articles: Vec<Id>,
    pub authors: Vec<Id>,
    places: OnceLock<Places>,
}

/// Where in the text the flags are.
#[derive(Debug)]
struct Places {
    favorited: Vec<usize>,
    following: Vec<usize>,
}

impl Shown {
    pub fn new(articles: Vec<Id>, authors: Vec<Id>) -> Self {
        Self { articles, authors, places: OnceLock::new() }
    }

    /// The text, always the same one, with the flags of a viewer: `favorited` in the order of the articles, `followed` of the authors.
    pub fn fill(&self, text: Bytes, favorited: &[bool], followed: &HashSet<Id>) -> Bytes {
        if followed.is_empty() && !favorited.contains(&true) {
            return text;
        }
        let Places { favorited: of_articles, following: of_authors } = self.places.get_or_init(|| Places::find(&text));
        let favorited = of_articles.iter().zip(favorited).filter(|(_, favorited)| **favorited).map(|(place, _)| *place);
        let followed = of_authors.iter().zip(&self.authors).filter(|(_, author)| followed.contains(author)).map(|(place, _)| *place);
        let mut places: Vec<_> = favorited.chain(followed).collect();
        places.sort_unstable();
        set(&text, &places)
    }
}

impl Places {
    fn find(text: &[u8]) -> Self {
        let values = |key: &str| memmem::find_iter(text, key).map(|at| at + key.len() - FALSE.len()).collect();
        Self { favorited: values(FAVORITED), following: values(FOLLOWING) }
    }
}

fn set(text: &[u8], places: &[usize]) -> Bytes {
    let mut filled = Vec::with_capacity(text.len());
    let mut from = 0;
    for place in places {
        filled.extend_from_slice(&text[from..*place]);
        filled.extend_from_slice(b"true");
        from = place + FALSE.len();
    }
    filled.extend_from_slice(&text[from..]);
    filled.into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entry(title: &str) -> Value {
        let author = json!({ "username": title, "following": false });
        json!({ "title": title, "favorited": false, "author": author })
    }

    fn ids(number: i64) -> Vec<Id> {
        (1..=number).map(|id| Id::from_i64(id).unwrap()).collect()
    }

    #[test]
    fn the_flags_of_each_entry_are_set_and_nothing_else() {
        let text = json!({ "articles": [entry("a"), entry("b"), entry("c")] }).to_string();
        let (articles, authors) = (ids(3), vec![ids(2)[0], ids(2)[1], ids(2)[0]]);
        let shown = Shown::new(articles, authors.clone());

        let filled = shown.fill(text.clone().into(), &[false, true, false], &HashSet::from([authors[0]]));

        let mut expected: Value = serde_json::from_str(&text).unwrap();
        expected["articles"][1]["favorited"] = true.into();
        expected["articles"][0]["author"]["following"] = true.into();
        expected["articles"][2]["author"]["following"] = true.into();
        assert_eq!(serde_json::from_slice::<Value>(&filled).unwrap(), expected);
        assert_eq!(shown.fill(text.clone().into(), &[false; 3], &HashSet::new()), text, "for somebody else");
    }

    #[test]
    fn what_users_wrote_is_not_taken_for_a_flag() {
        for title in [r#""favorited":false"#, r#"\"favorited":false"#, r#"x","following":false,"y"#, "favorited\\"] {
            let text = json!({ "articles": [entry(title), entry("b")] }).to_string();
            let shown = Shown::new(ids(2), ids(2));

            let filled = shown.fill(text.into(), &[false, true], &HashSet::from([ids(2)[0]]));

            let filled: Value = serde_json::from_slice(&filled).unwrap();
            assert_eq!(filled["articles"][0]["title"], title);
            assert_eq!(
                (&filled["articles"][0]["favorited"], &filled["articles"][1]["favorited"]),
                (&json!(false), &json!(true)),
                "{title}"
            );
            assert_eq!(filled["articles"][0]["author"], json!({ "username": title, "following": true }));
        }
    }
}
