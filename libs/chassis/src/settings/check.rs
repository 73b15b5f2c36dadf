use figment::value::{Dict, Num, Value};

/// Takes out of `given` what has no place in `defaults` or another type, and says so. What is left can be merged.
pub(super) fn prune(defaults: &Dict, given: &mut Dict, source: &str, problems: &mut Vec<String>) {
    Pruner { source, problems }.dict(defaults, given, "");
}

struct Pruner<'a> {
    source: &'a str,
    problems: &'a mut Vec<String>,
}

impl Pruner<'_> {
    fn dict(&mut self, defaults: &Dict, given: &mut Dict, prefix: &str) {
        given.retain(|key, value| self.keeps(defaults.get(key), value, &join(prefix, key)));
    }

    fn keeps(&mut self, default: Option<&Value>, given: &mut Value, path: &str) -> bool {
        match (default, given) {
            (None, _) => self.refuse(path, "there is no such setting"),
            (Some(Value::Dict(_, default)), Value::Dict(_, given)) => {
                self.dict(default, given, path);
                true
            }
            (Some(Value::Array(_, default)), Value::Array(_, given)) => self.items(default.first(), given, path),
            (Some(default), given) if fits(default, given) => true,
            (Some(default), given) => self.refuse(path, &format!("must be {}, not {}", kind(default), kind(given))),
        }
    }

    /// Each item is held against the first one of the defaults; a list that is empty there may hold anything.
    fn items(&mut self, default: Option<&Value>, given: &mut [Value], path: &str) -> bool {
        let Some(default) = default else { return true };
        // Every item is looked at, so that all problems are named.
        given
            .iter_mut()
            .enumerate()
            .fold(true, |all, (index, item)| self.keeps(Some(default), item, &join(path, &index.to_string())) && all)
    }

    fn refuse(&mut self, path: &str, sentence: &str) -> bool {
        self.problems.push(format!("{path}: {sentence} (from {})", self.source));
        false
    }
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

fn fits(default: &Value, given: &Value) -> bool {
    match (default, given) {
        (Value::Num(_, default), Value::Num(_, given)) => is_float(default) || !is_float(given),
        _ => kind(default) == kind(given),
    }
}

fn is_float(number: &Num) -> bool {
    matches!(number, Num::F32(_) | Num::F64(_))
}

pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "text",
        Value::Bool(..) => "true or false",
        Value::Num(_, number) if is_float(number) => "a number",
        Value::Num(..) => "a whole number",
        Value::Empty(..) => "empty",
        Value::Dict(..) => "a section",
        Value::Array(..) => "a list",
    }
}
