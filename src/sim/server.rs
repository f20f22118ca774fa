//! A server on loopback, in a thread of its own, so that any runtime can talk to it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use tokio::sync::oneshot;

/// A free port of 127.0.0.1, on which nobody answers yet.
#[derive(Debug)]
pub(super) struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

impl Port {
    pub(super) fn free() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers as `configure` says, in a thread of this name.
    pub(super) fn serve(
        self,
        name: &'static str,
        configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> io::Result<Server> {
        let (stop, stopped) = oneshot::channel();
        let (started, is_started) = mpsc::channel();
        let listener = self.listener;
        let serve = move || {
            actix_web::rt::System::new().block_on(async move {
                let app = move || App::new().configure(configure.clone());
                let bound = HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(0).listen(listener);
                let server = match bound {
                    Ok(server) => server.run(),
                    Err(error) => {
                        // Whoever started this has gone, if it does not hear it.
                        drop(started.send(Err(error)));
                        return;
                    }
                };
                drop(started.send(Ok(())));
                let handle = server.handle();
                actix_web::rt::spawn(async move {
                    // The sender that is dropped says the same as one that speaks.
                    drop(stopped.await);
                    handle.stop(false).await;
                });
                if let Err(error) = server.await {
                    tracing::warn!(%error, server = name, "a stand-in ended badly");
                }
            });
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(serve)?;
        is_started.recv().map_err(io::Error::other)??;
        Ok(Server { address: self.address, stop: Some(stop), thread: Some(thread) })
    }
}

/// A running server. It ends with [`Server::stop`], or some time after it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it and cuts what is under way.
    pub(super) fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was reported by the thread itself.
            drop(thread.join());
        }
    }
}
