use std::path::Path;

use anyhow::{Context, bail};
use figment::{
    providers::{Format, Toml},
    value::{Dict, Value},
};

use super::{ServiceSettings, check, common, environment};

/// One source of settings and what it says.
pub(super) struct Layer {
    pub source: String,
    pub dict: Dict,
}

/// Merges `defaults`, the file and the `MAGNITUDE_` variables of an environment. An error lists every problem, one a line.
pub fn load<T: ServiceSettings>(
    defaults: &str,
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> anyhow::Result<T> {
    let defaults: Dict = Toml::from_str(defaults).context("the compiled-in settings are not valid TOML")?;
    let mut problems = Vec::new();
    let mut layers: Vec<_> = file.and_then(|path| read(path, &mut problems)).into_iter().collect();
    for layer in &mut layers {
        check::prune(&defaults, &mut layer.dict, &layer.source, &mut problems);
    }
    for mut layer in environment::layers(&defaults, environment, &mut problems) {
        check::prune(&defaults, &mut layer.dict, &layer.source, &mut problems);
        layers.push(layer);
    }
    match deserialize::<T>(&defaults, layers, &mut problems) {
        Some(settings) => {
            problems.extend(common::problems(&settings));
            if problems.is_empty() { Ok(settings) } else { refuse(&problems) }
        }
        None => refuse(&problems),
    }
}

fn refuse<T>(problems: &[String]) -> anyhow::Result<T> {
    bail!("the settings cannot be used:\n  {}", problems.join("\n  "))
}

fn read(path: &Path, problems: &mut Vec<String>) -> Option<Layer> {
    let source = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| problems.push(format!("{source}: cannot be read: {error}"))).ok()?;
    let dict = Toml::from_str(&text)
        .map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            problems.push(format!("{source}: is not valid TOML: {} (line {line})", error.message()));
        })
        .ok()?;
    Some(Layer { source, dict })
}

/// A value that does not fit its field is noted and taken out of its layer, then the rest is tried again: so all of them
/// are found, though serde stops at the first.
fn deserialize<T: ServiceSettings>(defaults: &Dict, mut layers: Vec<Layer>, problems: &mut Vec<String>) -> Option<T> {
    loop {
        let merged = layers.iter().fold(defaults.clone(), |merged, layer| merge(merged, layer.dict.clone()));
        let error = match Value::from(merged).deserialize::<T>() {
            Ok(settings) => return Some(settings),
            Err(error) => error,
        };
        let from = layers.iter_mut().rev().find_map(|layer| remove(&mut layer.dict, &error.path).then(|| layer.source.clone()));
        let source = from.as_deref().unwrap_or("the defaults");
        problems.push(format!("{}: {} (from {source})", error.path.join("."), error.kind));
        from?;
    }
}

fn merge(mut under: Dict, over: Dict) -> Dict {
    for (key, value) in over {
        let value = match (under.remove(&key), value) {
            (Some(Value::Dict(_, under)), Value::Dict(tag, over)) => Value::Dict(tag, merge(under, over)),
            (_, value) => value,
        };
        under.insert(key, value);
    }
    under
}

/// Removes what the path names, or the list that holds it, if it is there.
fn remove(dict: &mut Dict, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    match dict.get_mut(first) {
        Some(Value::Dict(_, inner)) if !rest.is_empty() => remove(inner, rest),
        Some(_) => dict.remove(first).is_some(),
        None => false,
    }
}
