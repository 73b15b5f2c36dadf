use std::{
    fs,
    path::{Path, PathBuf},
};

use uuid::Uuid;

/// An empty folder of a test's own, deleted with this value.
pub struct Folder(PathBuf);

impl Folder {
    #[expect(clippy::new_without_default, reason = "it makes something")]
    pub fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("magnitude-test-{}", Uuid::new_v4()));
        fs::create_dir(&folder).expect("it can be made");
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// All files in it, by their paths below `part` of it, sorted; those of folders that go meanwhile are left out.
    pub fn files(&self, part: &str) -> Vec<String> {
        let root = self.0.join(part);
        let (mut files, mut folders) = (Vec::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(&root).expect("it is below").display().to_string());
                }
            }
        }
        files.sort();
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The machine's own cleaning is behind it.
        fs::remove_dir_all(&self.0).ok();
    }
}
