use magnitude_chassis::{HttpSettings, ServiceSettings, Stores, TelemetrySettings};
use magnitude_limit::Rate;
use magnitude_sharding::ShardSettings;
use serde::{Deserialize, Serialize};

use crate::decode::Limits;

/// As `settings.toml` explains.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub http: HttpSettings,
    pub telemetry: TelemetrySettings,
    pub database: magnitude_sharding::Settings,
    pub shards: Vec<ShardSettings>,
    pub reshard: magnitude_sharding::reshard::Admin,
    pub cache: magnitude_redis::Settings,
    pub sessions: magnitude_redis::Settings,
    pub limits: magnitude_limit::Settings,
    pub broker: magnitude_jobs::Settings,
    pub internal: magnitude_contract::Settings,
    pub objects: magnitude_objects::Settings,
    pub uploads: Uploads,
    pub decoder: Decoder,
    pub site: Site,
    pub status: Status,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uploads {
    pub per_user: Rate,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoder {
    pub program: String,
    pub widths: Vec<u32>,
    pub quality: f32,
    pub most_megapixels: u64,
    pub longest_side: u32,
    pub memory_mib: u64,
    pub cpu_seconds: u64,
}

/// What the web application is told, and what it may load.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    pub api: String,
    pub edge: String,
    pub origin: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    pub envoy: String,
    pub parts: Vec<Part>,
}

/// A part that neither the load balancer nor this service knows of.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    pub name: String,
    /// `host:port`, where it takes connections.
    pub address: String,
}

/// WebP allows 16 383.
const WEBP_SIDE: u32 = 16_383;
/// A list that a page can show.
const PARTS: usize = 64;

impl Settings {
    pub fn decode_limits(&self) -> Limits {
        let Decoder { widths, quality, most_megapixels, longest_side, memory_mib, cpu_seconds, .. } = &self.decoder;
        Limits {
            widths: widths.clone(),
            most_bytes: self.http.max_body_bytes,
            most_pixels: most_megapixels * 1_000_000,
            longest_side: *longest_side,
            memory_bytes: memory_mib << 20,
            cpu_seconds: *cpu_seconds,
            quality: *quality,
        }
    }

    fn decoder_problems(&self) -> Vec<(bool, &'static str)> {
        let Decoder { widths, quality, most_megapixels, longest_side, memory_mib, cpu_seconds, .. } = &self.decoder;
        let width = |width: &u32| (1..=WEBP_SIDE).contains(width);
        vec![
            (widths.is_empty() || widths.len() > 16 || !widths.iter().all(width), "decoder.widths: must be 1 to 16 widths of 1 to 16383"),
            (!(0.0..=100.0).contains(quality), "decoder.quality: must be 0 to 100"),
            (!(1..=WEBP_SIDE).contains(longest_side), "decoder.longest_side: must be 1 to 16383"),
            (!(1..=1_000).contains(most_megapixels), "decoder.most_megapixels: must be 1 to 1000"),
            (!(32..=16_384).contains(memory_mib), "decoder.memory_mib: must be 32 to 16384"),
            (!(1..=20).contains(cpu_seconds), "decoder.cpu_seconds: must be 1 to 20"),
        ]
    }

    fn site_problems(&self) -> Vec<(bool, &'static str)> {
        let Site { api, edge, origin } = &self.site;
        vec![
            (api.is_empty(), "site.api: must be a path or a URL"),
            (!edge.is_empty() && !is_origin(edge), "site.edge: must be http(s)://host[:port], or empty"),
            (!origin.is_empty() && !is_origin(origin), "site.origin: must be http(s)://host[:port], or empty"),
            (!self.status.envoy.is_empty() && !is_origin(&self.status.envoy), "status.envoy: must be http://host:port, or empty"),
            (self.status.parts.len() > PARTS, "status.parts: are 64 at most"),
        ]
    }
}

/// Nothing that could end a directive of a policy, or begin another.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    host.is_some_and(|host| !host.is_empty() && host.bytes().all(good))
}

impl ServiceSettings for Settings {
    fn http(&self) -> &HttpSettings {
        &self.http
    }

    fn telemetry(&self) -> &TelemetrySettings {
        &self.telemetry
    }

    fn stores(&self) -> Option<Stores<'_>> {
        let Self { database, shards, reshard, cache, sessions, broker, .. } = self;
        Some(Stores { database, shards, reshard, cache, sessions, broker })
    }

    fn problems(&self) -> Vec<String> {
        let own = [self.decoder_problems(), self.site_problems()].concat();
        let own = own.into_iter().filter(|(wrong, _)| *wrong).map(|(_, sentence)| sentence.to_owned());
        let rate = self.uploads.per_user.problem().map(|problem| format!("uploads.per_user: {problem}"));
        own.chain(rate).chain(self.objects.problems()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host_and_nothing_else() {
        for good in ["http://localhost:8081", "https://edge.example.org", "http://[::1]:80"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in
            ["", "localhost", "ftp://x", "http://", "http://x/y", "http://x; script-src *", "http://x 'unsafe-inline'", "javascript:1"]
        {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
