use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

/// RFC 3339 in UTC with exactly three decimals, so that a moment has one text in every answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub DateTime<Utc>);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_three_decimals_and_a_z() {
        let at: DateTime<Utc> = "2026-01-02T03:04:05.6Z".parse().unwrap();

        assert_eq!(serde_json::to_string(&Timestamp(at)).unwrap(), r#""2026-01-02T03:04:05.600Z""#);
    }
}
