//! `{{name}}` in the files under `deploy/`.

use anyhow::{Result, bail};

/// Fills every `{{name}}`. A name without a value is an error: a half-filled configuration fails later and less clearly.
pub fn render(template: &str, values: &[(&str, &str)]) -> Result<String> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, tail)) = after.split_once("}}") else { bail!("`{{{{` without its `}}}}`") };
        let Some((_, value)) = values.iter().find(|(key, _)| *key == name) else {
            bail!("the template wants `{name}`, which has no value")
        };
        out.push_str(before);
        out.push_str(value);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn every_name_is_filled() {
        assert_eq!(render("a {{x}} b {{y}}{{x}}", &[("x", "1"), ("y", "2")]).expect("renders"), "a 1 b 21");
    }

    #[test]
    fn a_value_is_not_a_template() {
        assert_eq!(render("{{x}}", &[("x", "{{y}}")]).expect("renders"), "{{y}}");
    }

    #[test]
    fn an_unknown_name_is_named() {
        assert!(render("{{x}}", &[]).expect_err("fails").to_string().contains("`x`"));
    }

    #[test]
    fn an_open_brace_is_an_error() {
        assert!(render("{{x", &[("x", "1")]).is_err());
    }
}
