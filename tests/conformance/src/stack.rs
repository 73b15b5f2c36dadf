//! Where the stack under test listens.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::OnceLock};

use serde::Deserialize;

/// The description that `stack up` writes, as far as a client of the public API may know it.
#[derive(Debug, Deserialize)]
pub struct Stack {
    /// The load balancer, `http://host:port`.
    pub url: String,
    #[serde(default)]
    pub services: BTreeMap<String, Vec<Instance>>,
}

/// One process of a service.
#[derive(Debug, Deserialize)]
pub struct Instance {
    pub name: String,
    /// Host and port of its public listener.
    pub public: String,
}

impl Stack {
    /// The public listener of a service's `number`th instance, counted round. Panics below two instances: what one instance
    /// reads of its own writes proves nothing about another.
    pub fn instance(&self, service: &str, number: usize) -> String {
        let instances = self.services.get(service).map_or(&[][..], Vec::as_slice);
        assert!(instances.len() >= 2, "{service} needs two instances to be tested, and has {}", instances.len());
        format!("http://{}", instances[number % instances.len()].public)
    }
}

/// The stack under test, read once.
pub fn stack() -> &'static Stack {
    static STACK: OnceLock<Stack> = OnceLock::new();
    STACK.get_or_init(|| {
        let path = std::env::var_os("MAGNITUDE_TEST_STACK").map_or_else(of_this_clone, PathBuf::from);
        let text = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("no stack to test: {} cannot be read ({error}); `make up` starts one", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{} does not describe a stack: {error}", path.display()))
    })
}

fn of_this_clone() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.stack/test.json")
}
