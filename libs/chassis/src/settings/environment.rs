use figment::{
    providers::{Format, Toml},
    value::{Dict, Num, Value},
};

use super::{check::kind, load::Layer};

const PREFIX: &str = "MAGNITUDE_";
const FILE: &str = "_FILE";

/// A layer for each variable `MAGNITUDE_<SECTION>__<KEY>`, so that each problem can name its variable. Its text is read as
/// the type of the setting's default: a password of digits stays text.
pub(super) fn layers(defaults: &Dict, variables: impl Iterator<Item = (String, String)>, problems: &mut Vec<String>) -> Vec<Layer> {
    let (mut named, other): (Vec<_>, Vec<_>) =
        variables.filter(|(name, _)| name.starts_with(PREFIX)).partition(|(name, _)| name.contains("__"));
    named.sort();
    for (name, _) in other {
        // Others may use the prefix; what names a section of ours was meant for us.
        if defaults.contains_key(&name[PREFIX.len()..].to_lowercase()) {
            problems.push(format!("{name}: a whole section cannot be set: write {name}__<KEY>, or use --settings"));
        }
    }
    named
        .into_iter()
        .filter_map(|(name, text)| layer(defaults, &name, text).map_err(|problem| problems.push(format!("{problem} (from {name})"))).ok())
        .collect()
}

fn layer(defaults: &Dict, name: &str, text: String) -> Result<Layer, String> {
    let whole = path(&name[PREFIX.len()..]);
    let (path, default, text) = match (find(defaults, &whole), name.strip_suffix(FILE)) {
        (Some(default), _) => (whole, default, text),
        (None, Some(stem)) => {
            let path = path(&stem[PREFIX.len()..]);
            let default = find(defaults, &path).ok_or_else(|| unknown(&path))?;
            let text = std::fs::read_to_string(&text).map_err(|error| format!("{}: {text} cannot be read: {error}", path.join(".")))?;
            (path, default, text.trim().to_owned())
        }
        (None, None) => return Err(unknown(&whole)),
    };
    let value = read(default, text).ok_or_else(|| format!("{}: must be {}", path.join("."), kind(default)))?;
    Ok(Layer { source: name.to_owned(), dict: nest(&path, value) })
}

fn path(name: &str) -> Vec<String> {
    name.to_lowercase().split("__").map(str::to_owned).collect()
}

fn unknown(path: &[String]) -> String {
    format!("{}: there is no such setting", path.join("."))
}

fn find<'a>(defaults: &'a Dict, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    match (defaults.get(first)?, rest) {
        (value, []) => Some(value),
        (Value::Dict(_, inner), rest) => find(inner, rest),
        _ => None,
    }
}

fn read(default: &Value, text: String) -> Option<Value> {
    match default {
        Value::Num(_, Num::F32(_) | Num::F64(_)) => text.parse::<f64>().ok().map(Value::from),
        Value::Num(..) => text.parse::<i64>().ok().map(Value::from),
        Value::Bool(..) => text.parse::<bool>().ok().map(Value::from),
        Value::Array(..) => {
            Toml::from_str::<Dict>(&format!("list = {text}")).ok()?.remove("list").filter(|value| value.as_array().is_some())
        }
        Value::Dict(..) => None,
        _ => Some(Value::from(text)),
    }
}

fn nest(path: &[String], value: Value) -> Dict {
    let (last, sections) = path.split_last().expect("a path has a first part");
    let innermost = Dict::from([(last.clone(), value)]);
    sections.iter().rev().fold(innermost, |inner, section| Dict::from([(section.clone(), Value::from(inner))]))
}
