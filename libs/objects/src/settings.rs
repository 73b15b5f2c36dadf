use std::path::Path;

use serde::{Deserialize, Serialize};

/// `[objects]`: where objects are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A folder, `s3://bucket` or `s3://bucket/prefix`.
    pub store: String,
    /// Of the S3: `https://host`. Empty: that of Amazon's region.
    pub endpoint: String,
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
    pub timeout_ms: u64,
}

impl Settings {
    /// Of a folder, for whoever is not told by a file of settings.
    pub fn folder(path: &Path) -> Self {
        let nothing = String::new;
        Self {
            store: path.display().to_string(),
            endpoint: nothing(),
            region: nothing(),
            access_key: nothing(),
            secret_key: nothing(),
            timeout_ms: 5_000,
        }
    }

    /// What cannot be, as `section.key: sentence`.
    pub fn problems(&self) -> Vec<String> {
        let bucket = self.s3();
        let checks = [
            (self.store.is_empty(), "objects.store: must be a folder or s3://bucket"),
            (bucket.is_some_and(|(bucket, _)| bucket.is_empty()), "objects.store: names no bucket"),
            (bucket.is_none() && self.store.contains("://"), "objects.store: must be a folder or s3://bucket"),
            (bucket.is_some() && self.region.is_empty(), "objects.region: is needed for S3"),
            (self.access_key.is_empty() != self.secret_key.is_empty(), "objects.secret_key: goes with objects.access_key"),
            (self.timeout_ms == 0, "objects.timeout_ms: must be more than 0"),
        ];
        checks.into_iter().filter(|(wrong, _)| *wrong).map(|(_, sentence)| sentence.to_owned()).collect()
    }

    /// The bucket and the prefix in it.
    pub(crate) fn s3(&self) -> Option<(&str, &str)> {
        let rest = self.store.strip_prefix("s3://")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        Some((bucket, prefix.trim_matches('/')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(store: &str) -> Settings {
        let text = String::new;
        Settings {
            store: store.to_owned(),
            endpoint: text(),
            region: "eu".to_owned(),
            access_key: text(),
            secret_key: text(),
            timeout_ms: 1,
        }
    }

    #[test]
    fn a_store_is_a_folder_or_a_bucket() {
        assert_eq!(settings("s3://bucket").s3(), Some(("bucket", "")));
        assert_eq!(settings("s3://bucket/a/b/").s3(), Some(("bucket", "a/b")));
        assert_eq!(settings("/srv/objects").s3(), None);
        for good in ["objects", "/srv/objects", "s3://bucket"] {
            assert_eq!(settings(good).problems(), Vec::<String>::new(), "{good}");
        }
        for bad in ["", "s3://", "s3:///x", "gs://bucket"] {
            assert!(!settings(bad).problems().is_empty(), "{bad}");
        }
    }
}
