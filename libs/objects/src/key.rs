use std::fmt;

use crate::Hash;

/// Bytes of a key, at most; folders allow 255 a segment.
const LONGEST: usize = 512;
const LONGEST_SEGMENT: usize = 200;

/// What an object is called. Only [`Key::new`] makes one, so none leads out of the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Segments of ASCII letters, digits, `.`, `_` and `-`, with slashes between them; none begins with a dot.
    pub fn new(text: &str) -> Option<Self> {
        (text.len() <= LONGEST && text.split('/').all(is_segment)).then(|| Self(text.to_owned()))
    }

    /// One segment below a folder; nothing if `name` is more than one, or none.
    pub fn within(folder: &str, name: &str) -> Option<Self> {
        if is_segment(name) { Self::new(&format!("{folder}/{name}")) } else { None }
    }

    /// Where content is kept: in 256 folders, since some file systems are slow in one of a million.
    pub fn of_content(hash: &Hash) -> Self {
        let text = hash.as_str();
        Self(format!("objects/{}/{text}", &text[..2]))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn path(&self) -> object_store::path::Path {
        // None of a key's characters is encoded, so this is the same text.
        object_store::path::Path::from(self.0.as_str())
    }
}

fn is_segment(segment: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=LONGEST_SEGMENT).contains(&segment.len()) && !segment.starts_with('.') && segment.bytes().all(good)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_leads_out_of_the_store() {
        for bad in
            ["", "/", "a/", "/a", "a//b", "..", "../a", "a/../b", ".", ".a", "a/.b", "a b", "a\\b", "a%2fb", "a\0", "ä", "a#1", "a?b"]
        {
            assert_eq!(Key::new(bad), None, "{bad:?}");
        }
        assert_eq!(Key::new(&"a".repeat(LONGEST_SEGMENT + 1)), None);
        assert_eq!(Key::within("web", "a/b"), None);
        assert_eq!(Key::within("web", "index.html").unwrap().as_str(), "web/index.html");
    }

    #[test]
    fn a_key_is_the_same_text_in_the_store() {
        for good in ["a", "web/assets/index-B_x9.js", "objects/e3/e3b0"] {
            assert_eq!(Key::new(good).unwrap().path().as_ref(), good);
        }
    }
}
