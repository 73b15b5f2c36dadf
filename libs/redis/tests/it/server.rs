//! A real Redis server of a test's own. The tests of `cache` and `session` include this file as well: as an item of the crate it
//! would ship with the services.

use std::{
    env, fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio, id},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

use magnitude_redis::Settings;

/// Below the ports that the kernel gives to clients, so that nobody takes the port of a stopped server before it starts again.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
const BOUND: Duration = Duration::from_secs(30);

/// Ends with its value.
pub struct Server {
    address: SocketAddr,
    directory: PathBuf,
    process: Option<Child>,
}

impl Server {
    pub fn start() -> Self {
        // A port may be taken between the look and the start: then the next one.
        (0..20).find_map(|_| Self::start_on(free_address())).expect("of twenty free ports one stays free")
    }

    fn start_on(address: SocketAddr) -> Option<Self> {
        let directory = env::temp_dir().join(format!("magnitude-redis-{}-{}", id(), address.port()));
        fs::create_dir_all(&directory).unwrap();
        let mut server = Self { address, directory, process: None };
        server.launch().then_some(server)
    }

    /// Its data is lost.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// On the same port.
    pub fn start_again(&mut self) {
        assert!(self.launch(), "the server's port was taken");
    }

    pub fn settings(&self) -> Settings {
        let limit = u64::try_from(BOUND.as_millis()).unwrap();
        Settings { nodes: vec![self.address.to_string()], password: Self::password(), timeout_ms: limit, prefix: "it:".into() }
    }

    fn launch(&mut self) -> bool {
        let port = self.address.port().to_string();
        let mut command = Command::new("/usr/bin/redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no", "--requirepass", &Self::password()]);
        self.process = Some(command.current_dir(&self.directory).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        self.is_ready()
    }

    /// Waits until it answers; no if it ended instead.
    fn is_ready(&mut self) -> bool {
        let limit = Instant::now() + BOUND;
        while !self.answers() {
            assert!(Instant::now() < limit, "redis-server did not answer");
            if self.process.as_mut().is_none_or(|process| process.try_wait().unwrap().is_some()) {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.address) else { return false };
        let mut answer = [0; 5];
        let asked = stream.set_read_timeout(Some(BOUND)).and_then(|()| write!(stream, "AUTH {}\r\n", Self::password()));
        asked.and_then(|()| stream.read_exact(&mut answer)).is_ok() && &answer == b"+OK\r\n"
    }

    /// One for the servers of a test binary, which have ports of their own; another binary's that took the port is not mistaken for it.
    fn password() -> String {
        format!("magnitude-{}", id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        drop(fs::remove_dir_all(&self.directory));
    }
}

fn free_address() -> SocketAddr {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    // Test binaries run side by side: each begins elsewhere.
    let start = u16::try_from(id().wrapping_mul(97) % u32::from(PORTS.end - PORTS.start)).expect("it is below the count of ports");
    let free = (0..PORTS.end - PORTS.start).find_map(|_| {
        let port = PORTS.start + start.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % (PORTS.end - PORTS.start);
        TcpListener::bind(("127.0.0.1", port)).and_then(|listener| listener.local_addr()).ok()
    });
    free.expect("a port is free")
}

/// Waits until `state` holds, with a bound; panics with `what` after it.
pub async fn eventually(what: &str, mut state: impl AsyncFnMut() -> bool) {
    let limit = Instant::now() + BOUND;
    while !state().await {
        assert!(Instant::now() < limit, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
