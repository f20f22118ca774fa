//! The clock of a cluster: a story moves it, and every node hears of it over TCP, one line of text for each time.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};

use chrono::TimeDelta;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use wabacus::domain::clock::{Clock as _, Instant, ManualClock};

/// The clock as the story has it.
#[derive(Debug)]
pub(crate) struct Time {
    clock: ManualClock,
    told: watch::Sender<Instant>,
    address: SocketAddr,
}

impl Time {
    /// A clock that shows `now`, and tells it to whoever connects.
    pub(crate) async fn begin(now: &str) -> Self {
        let now: Instant = now.parse().expect("a story begins at a time");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let told = watch::Sender::new(now);
        let times = told.subscribe();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(tell(stream, times.clone()));
            }
        });
        Self { clock: ManualClock::at(now), told, address }
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The same time for what stands in for others in this process.
    pub(crate) fn clock(&self) -> ManualClock {
        self.clock.clone()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Moves time forward, everywhere. A node that is stopped hears of it when it goes on.
    pub(crate) fn advance(&self, by: TimeDelta) {
        self.clock.advance(by);
        self.told.send_replace(self.now());
    }

    /// Moves time to `at`, unless it is later already.
    pub(crate) fn advance_to(&self, at: Instant) {
        self.advance((at - self.now()).max(TimeDelta::zero()));
    }
}

/// Tells one node, for as long as it listens. Who listens slowly is told the newest time only.
async fn tell(mut stream: tokio::net::TcpStream, mut times: watch::Receiver<Instant>) {
    loop {
        let line = format!("{}\n", times.borrow_and_update().to_rfc3339());
        if stream.write_all(line.as_bytes()).await.is_err() || times.changed().await.is_err() {
            return;
        }
    }
}

/// The clock as a node has it: shows what is told at `address`. When nobody tells the time any more the story is over, and so is this process.
pub(crate) fn follow(address: &str) -> ManualClock {
    let stream = TcpStream::connect(address).expect("the clock answers");
    let mut lines = BufReader::new(stream).lines();
    let mut hear = move || -> Option<Instant> { lines.next()?.ok()?.parse().ok() };
    let clock = ManualClock::at(hear().expect("the clock tells the time"));
    let told = clock.clone();
    std::thread::spawn(move || {
        while let Some(now) = hear() {
            told.set(now);
        }
        std::process::exit(1);
    });
    clock
}
