//! A way between a client and a server that can be cut, and made slow.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How the way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// What is said arrives after this time.
    Open(Duration),
    /// Connections are ended, and new ones too.
    Cut,
}

/// A port that leads to another one. It goes, with all connections, when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    way: watch::Sender<Way>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A way to `port` of this machine.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (way, ways) = watch::channel(Way::Open(Duration::ZERO));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(lead(client, port, ways.clone()));
            }
        });
        Self { address, way, task }
    }

    /// Where a Redis behind it seems to be.
    pub fn redis_url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Ends all connections, and every new one.
    pub fn cut(&self) {
        self.way.send_replace(Way::Cut);
    }

    /// Lets everything arrive this much later, each way.
    pub fn slow(&self, by: Duration) {
        self.way.send_replace(Way::Open(by));
    }

    /// Lets everything through at once.
    pub fn mend(&self) {
        self.slow(Duration::ZERO);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn lead(client: TcpStream, port: u16, mut ways: watch::Receiver<Way>) {
    let way = *ways.borrow_and_update();
    if way == Way::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    // Small questions are not to wait for larger ones.
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        () = pass(from_client, to_server, ways.clone()) => {}
        () = pass(from_server, to_client, ways.clone()) => {}
        // Ends with the proxy, too.
        () = async { drop(ways.wait_for(|way| *way == Way::Cut).await) } => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, ways: watch::Receiver<Way>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        let way = *ways.borrow();
        if let Way::Open(delay) = way
            && !delay.is_zero()
        {
            // This is the fault itself, and no waiting for something to happen.
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
