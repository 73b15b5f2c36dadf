use std::{
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use crate::Objects;

impl Objects {
    /// Removes what a killed process left half written, if it is older than `age`; how many files that were. Only a folder has such: a name
    /// with `#`, which no key has.
    pub async fn sweep(&self, age: Duration) -> anyhow::Result<usize> {
        let Some(folder) = self.folder.clone() else { return Ok(0) };
        Ok(tokio::task::spawn_blocking(move || sweep(&folder, age)).await??)
    }
}

fn sweep(folder: &Path, age: Duration) -> io::Result<usize> {
    let mut swept = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = match entry.metadata() {
            Ok(about) => about,
            // Another sweep was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if about.is_dir() {
            swept += sweep(&entry.path(), age)?;
        } else if entry.file_name().to_string_lossy().contains('#') && is_older(about.modified()?, age) {
            swept += usize::from(fs::remove_file(entry.path()).is_ok());
        }
    }
    Ok(swept)
}

fn is_older(modified: SystemTime, age: Duration) -> bool {
    modified.elapsed().is_ok_and(|elapsed| elapsed > age)
}
