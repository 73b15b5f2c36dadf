//! A store of each kind, empty and a test's own.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use magnitude_objects::{Objects, Settings};
use uuid::Uuid;

/// `OBJECTS_TEST_S3`: the endpoint of a real S3 with a bucket `test`; `OBJECTS_TEST_ACCESS_KEY` and `OBJECTS_TEST_SECRET_KEY` open it.
pub struct Stores {
    all: Vec<Objects>,
    _folder: Folder,
}

impl Stores {
    pub async fn all() -> Self {
        let (folder, objects) = folder();
        let endpoint = match std::env::var("OBJECTS_TEST_S3") {
            Ok(real) => real,
            Err(_) => crate::s3::serve().await,
        };
        let settings = s3(&format!("s3://test/{}", Uuid::new_v4()), &endpoint, 20_000);
        let all = vec![objects, Objects::in_memory(), Objects::new(&settings).expect("the settings are right")];
        Self { all, _folder: folder }
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Objects> {
        self.all.iter()
    }
}

pub fn s3(store: &str, endpoint: &str, timeout_ms: u64) -> Settings {
    let key = |name: &str| std::env::var(format!("OBJECTS_TEST_{name}")).unwrap_or_else(|_| "key".to_owned());
    Settings {
        store: store.to_owned(),
        endpoint: endpoint.to_owned(),
        region: "garage".to_owned(),
        access_key: key("ACCESS_KEY"),
        secret_key: key("SECRET_KEY"),
        timeout_ms,
    }
}

/// Deleted with this value.
pub struct Folder(PathBuf);

pub fn folder() -> (Folder, Objects) {
    let folder = std::env::temp_dir().join(format!("magnitude-objects-{}", Uuid::new_v4()));
    let store = folder.display().to_string();
    let settings = Settings { store, ..s3("", "", 5_000) };
    let objects = Objects::new(&settings).expect("the folder can be made");
    (Folder(folder), objects)
}

impl Folder {
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// All files below it.
    pub fn files(&self) -> Vec<String> {
        let (mut files, mut folders) = (vec![], vec![self.0.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("it is there").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(&self.0).expect("it is below").display().to_string());
                }
            }
        }
        files.sort();
        files
    }

    /// Within ten seconds.
    pub async fn becomes_empty(&self) {
        let limit = Instant::now() + Duration::from_secs(10);
        while !self.files().is_empty() {
            assert!(Instant::now() < limit, "{:?} are left", self.files());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The machine's own cleaning is behind it.
        std::fs::remove_dir_all(&self.0).ok();
    }
}
