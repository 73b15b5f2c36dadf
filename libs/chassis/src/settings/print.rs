use anyhow::Context;
use toml::Value;

use super::{ServiceSettings, secret::MASK};

/// The settings as TOML, without their secrets.
pub fn print(settings: &impl ServiceSettings) -> anyhow::Result<String> {
    let mut value = Value::try_from(settings).context("the settings cannot be shown")?;
    mask(&mut value);
    toml::to_string(&value).context("the settings cannot be shown")
}

/// Libs keep their passwords as plain text in their settings, so the name of a key decides too. An empty one is shown: it
/// is no secret, and that it is missing is worth seeing.
fn mask(value: &mut Value) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                match value {
                    Value::String(text) if is_secret(key) && !text.is_empty() => MASK.clone_into(text),
                    other => mask(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}

fn is_secret(key: &str) -> bool {
    ["password", "secret", "token"].iter().any(|word| key.contains(word))
}
