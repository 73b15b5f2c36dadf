use serde_json::{Map, Value};

use crate::Fields;

/// One JSON object whose fields are taken one by one; problems go to [`Fields`].
#[derive(Debug)]
pub struct Object<'a> {
    pub map: &'a Map<String, Value>,
}

/// A field of a partial update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patch<T> {
    Absent,
    Null,
    Value(T),
}

impl<'a> Object<'a> {
    /// Required text of at most `max` characters that is not blank. It is returned as it was given.
    pub fn text(&self, fields: &mut Fields, name: &'static str, max: usize) -> Option<&'a str> {
        match self.patch_text(fields, name, max) {
            Patch::Value(text) if !text.trim().is_empty() => Some(text),
            Patch::Absent if self.map.contains_key(name) => None,
            Patch::Absent | Patch::Null | Patch::Value(_) => {
                fields.problem(name, "can't be blank");
                None
            }
        }
    }

    /// Whether the field is there, whatever it is.
    pub fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// Text of a partial update. Null and "" are left to the caller; what is refused is noted and [`Patch::Absent`].
    pub fn patch_text(&self, fields: &mut Fields, name: &'static str, max: usize) -> Patch<&'a str> {
        let checked = match self.map.get(name) {
            None => return Patch::Absent,
            Some(Value::Null) => return Patch::Null,
            Some(Value::String(text)) => check(text, max),
            Some(_) => Err("must be a string".into()),
        };
        note(fields, name, checked)
    }

    /// A list of at most `max_items` texts of at most `max` characters each.
    pub fn patch_texts(&self, fields: &mut Fields, name: &'static str, max_items: usize, max: usize) -> Patch<Vec<&'a str>> {
        let checked = match self.map.get(name) {
            None => return Patch::Absent,
            Some(Value::Null) => return Patch::Null,
            Some(Value::Array(items)) if items.len() > max_items => Err(format!("has too many items (maximum is {max_items})")),
            Some(Value::Array(items)) => items.iter().map(|item| check(item.as_str().ok_or(NOT_TEXTS)?, max)).collect(),
            Some(_) => Err(NOT_TEXTS.into()),
        };
        note(fields, name, checked)
    }
}

const NOT_TEXTS: &str = "must be a list of strings";

/// Postgres cannot store NUL, so it is refused here and not as an error there.
fn check(text: &str, max: usize) -> Result<&str, String> {
    if text.contains('\0') {
        return Err("must not contain NUL characters".into());
    }
    // Counting stops at the first character too many, however long the text is.
    if text.chars().nth(max).is_some() {
        return Err(format!("is too long (maximum is {max} characters)"));
    }
    Ok(text)
}

fn note<T>(fields: &mut Fields, name: &'static str, checked: Result<T, String>) -> Patch<T> {
    match checked {
        Ok(value) => Patch::Value(value),
        Err(message) => {
            fields.problem(name, message);
            Patch::Absent
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    fn noted(fields: Fields) -> String {
        fields.finish().map_or_else(|error| format!("{error:?}"), |()| String::new())
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let map = object(r#"{"a":" ","b":1,"c":"x\u0000","d":"äöü!","e":null,"f":" fine "}"#);
        let object = Object { map: &map };
        let mut fields = Fields::new();

        let taken: Vec<_> = ["a", "b", "c", "d", "e", "g"].map(|name| object.text(&mut fields, name, 3)).into_iter().flatten().collect();

        assert_eq!(object.text(&mut fields, "f", 10), Some(" fine "));
        assert!(taken.is_empty());
        let noted = noted(fields);
        for (field, message) in [
            ("a", "can't be blank"),
            ("b", "must be a string"),
            ("c", "must not contain NUL characters"),
            ("d", "is too long (maximum is 3 characters)"),
            ("e", "can't be blank"),
            ("g", "can't be blank"),
        ] {
            assert!(noted.contains(&format!("(\"{field}\", [\"{message}\"])")), "{field} in {noted}");
        }
    }

    #[test]
    fn length_counts_characters_and_not_bytes() {
        let map = object(r#"{"a":"äöü"}"#);
        let mut fields = Fields::new();

        assert_eq!(Object { map: &map }.text(&mut fields, "a", 3), Some("äöü"));
        assert!(fields.finish().is_ok());
    }

    #[test]
    fn a_patch_tells_absent_null_and_empty_apart() {
        let map = object(r#"{"null":null,"empty":"","number":1}"#);
        let object = Object { map: &map };
        let mut fields = Fields::new();

        assert_eq!(object.patch_text(&mut fields, "gone", 9), Patch::Absent);
        assert_eq!(object.patch_text(&mut fields, "null", 9), Patch::Null);
        assert_eq!(object.patch_text(&mut fields, "empty", 9), Patch::Value(""));
        assert!(noted(std::mem::take(&mut fields)).is_empty());
        assert_eq!(object.patch_text(&mut fields, "number", 9), Patch::Absent);
        assert!(noted(fields).contains("must be a string"));
    }

    #[test]
    fn lists_are_bounded_in_items_and_in_length() {
        let refused = |text| {
            let map = object(text);
            let mut fields = Fields::new();
            Object { map: &map }.patch_texts(&mut fields, "l", 2, 3);
            noted(fields)
        };

        assert_eq!(refused(r#"{"l":["a","abc"]}"#), "");
        assert!(refused(r#"{"l":["a","b","c"]}"#).contains("too many items (maximum is 2)"));
        assert!(refused(r#"{"l":["abcd"]}"#).contains("too long (maximum is 3"));
        assert!(refused(r#"{"l":[1]}"#).contains("must be a list of strings"));
        assert!(refused(r#"{"l":"a"}"#).contains("must be a list of strings"));
        assert!(refused(r#"{"l":["\u0000"]}"#).contains("NUL"));
    }
}
