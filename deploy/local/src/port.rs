//! The ports on this host: the load balancer's and the edge's.

use std::io::ErrorKind;
use std::net::TcpListener;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

/// What people expect to find where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    pub usual: u16,
    /// Where a free one is looked for if that is taken: 100 ports.
    next: u16,
    /// The variable that asks for another.
    variable: &'static str,
}

pub const API: Gate = Gate { usual: 8080, next: 8090, variable: "PORT" };
pub const EDGE: Gate = Gate { usual: 8081, next: 8190, variable: "EDGE_PORT" };

/// The port, and whether somebody asked for this one: then no other will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    pub number: u16,
    pub asked: bool,
}

impl Gate {
    /// The port for the next start. `wanted`: 0 is any free one. `before` is what the stack had; `ours` says that its own Envoy
    /// holds that port now.
    pub fn choose(self, wanted: Option<u16>, before: Option<Port>, ours: bool) -> Result<Port> {
        let kept = before.filter(|port| ours || free(port.number));
        match (wanted, kept) {
            (Some(0) | None, Some(port)) => Ok(port),
            (Some(0), None) => Ok(Port { number: any()?, asked: false }),
            (Some(number), kept) => {
                ensure!(kept.is_some_and(|port| port.number == number) || free(number), self.taken(number));
                Ok(Port { number, asked: true })
            }
            (None, None) => self.usual(before),
        }
    }

    /// The usual port or one next to it, unless one was asked for before.
    fn usual(self, before: Option<Port>) -> Result<Port> {
        if let Some(port) = before {
            ensure!(!port.asked, self.taken(port.number));
        }
        let mut ports = std::iter::once(self.usual).chain(self.next..self.next + 100);
        let number =
            ports.find(|port| free(*port)).with_context(|| format!("no port from {} on is free: set {}=", self.usual, self.variable))?;
        Ok(Port { number, asked: false })
    }

    fn taken(self, port: u16) -> String {
        format!("port {port} is taken: choose another with {}=… make up", self.variable)
    }
}

/// Whether nobody listens there. `localhost` can mean either address, so a stranger on the second one counts too.
pub fn free(port: u16) -> bool {
    let second = TcpListener::bind(("::1", port));
    TcpListener::bind(("127.0.0.1", port)).is_ok() && !second.is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}

fn any() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn occupied() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("is bound").port();
        (listener, port)
    }

    #[test]
    fn a_port_that_is_asked_for_and_taken_fails_at_once() {
        let (_stranger, number) = occupied();
        assert_eq!(API.choose(Some(number), None, false).expect_err("is taken").to_string(), API.taken(number));
        let before = Some(Port { number, asked: true });
        assert_eq!(API.choose(None, before, false).expect_err("is still taken").to_string(), API.taken(number));
    }

    #[test]
    fn our_own_envoy_does_not_take_our_port() {
        let (_envoy, number) = occupied();
        let before = Port { number, asked: false };
        assert_eq!(API.choose(None, Some(before), true).expect("is ours"), before);
        assert_eq!(API.choose(Some(number), Some(before), true).expect("is ours"), Port { number, asked: true });
    }

    #[test]
    fn a_port_that_nobody_asked_for_gives_way() {
        let (_stranger, number) = occupied();
        let chosen = API.choose(None, Some(Port { number, asked: false }), false).expect("another is free");
        assert_ne!(chosen.number, number);
        assert_ne!(chosen.number, EDGE.usual, "the edge's");
        assert!(!(EDGE.next..EDGE.next + 100).contains(&chosen.number), "the edge's");
    }
}
