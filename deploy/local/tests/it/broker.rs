use std::net::{SocketAddr, TcpStream};

use magnitude_stack::Health;

use crate::own::{Own, eventually};

/// It keeps its name, so it finds its data again: what it was told before still holds.
pub fn a_broker_keeps_what_it_has(own: &Own) {
    own.stack.rabbitmqctl("rabbitmq", &["add_vhost", "kept"]).expect("it is told");
    for end in [magnitude_stack::Stack::stop, magnitude_stack::Stack::kill] {
        let before = own.pid("rabbitmq");
        end(&own.stack, "rabbitmq").expect("it ends");
        assert_eq!(health(own), Health::Down);

        own.stack.start("rabbitmq").expect("it starts");

        assert_ne!(own.pid("rabbitmq"), before);
        // Fails if it does not know it.
        own.stack.rabbitmqctl("rabbitmq", &["list_queues", "--vhost", "kept"]).expect("the vhost is there");
    }
    own.stack.rabbitmqctl("rabbitmq", &["delete_vhost", "kept"]).expect("it is told");
}

pub fn a_broker_is_reached_at_its_own_address_only(own: &Own) {
    let address = own.stack.node("rabbitmq").expect("there is a broker").address;
    assert!(TcpStream::connect(address).is_ok());
    let pid = own.pid("rabbitmq");
    let listening = listening(pid);
    // Clients, and other brokers.
    assert!(listening.len() >= 2, "{listening:?}");
    assert!(listening.iter().all(|address| address.ip().is_loopback()), "{listening:?}");
    eventually("it is ready", || health(own) == Health::Ready);
}

/// Where a process listens, by IPv4.
fn listening(pid: u64) -> Vec<SocketAddr> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).expect("it runs");
    let sockets: Vec<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("it is ours")
        .flatten()
        .filter_map(|fd| std::fs::read_link(fd.path()).ok()?.to_str()?.strip_prefix("socket:[")?.strip_suffix(']').map(str::to_owned))
        .collect();
    let lines = text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = lines.filter(|fields| fields[3] == "0A" && sockets.iter().any(|socket| *socket == fields[9]));
    ours.map(|fields| address(fields[1])).collect()
}

/// As `/proc` writes it: the address in the machine's order, the port not.
fn address(text: &str) -> SocketAddr {
    let (ip, port) = text.split_once(':').expect("address and port");
    let ip = u32::from_str_radix(ip, 16).expect("hexadecimal").to_ne_bytes();
    (ip, u16::from_str_radix(port, 16).expect("hexadecimal")).into()
}

fn health(own: &Own) -> Health {
    own.stack.health(&own.stack.node("rabbitmq").expect("there is a broker"))
}
