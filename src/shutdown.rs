//! The signals that ask a process to stop: the first softly, a second one at once.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

/// How long after the first signal another one is its echo: who signals a process and its group signals it twice.
const ECHO: Duration = Duration::from_secs(1);

/// Resolves with the signal's name when SIGINT or SIGTERM comes first. From then on another one ends the process on the spot.
pub async fn requested() -> std::io::Result<&'static str> {
    let name = next().await?;
    tokio::spawn(async {
        tokio::time::sleep(ECHO).await;
        if next().await.is_ok() {
            tracing::warn!("stopping at once, as asked twice");
            std::process::exit(130);
        }
    });
    Ok(name)
}

async fn next() -> std::io::Result<&'static str> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    })
}
