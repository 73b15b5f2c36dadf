//! A store of each kind, empty and a test's own.

use magnitude_kit::Folder;
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

pub fn folder() -> (Folder, Objects) {
    let folder = Folder::new();
    let objects = Objects::new(&Settings::folder(folder.path())).expect("the folder can be made");
    (folder, objects)
}
