//! Names that lead elsewhere than they say, over real sockets.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;

use futures_util::future::BoxFuture;

use super::*;
use crate::sim::{Receiver, ReceiverFault};

/// Gives a name these addresses, one answer after the other, and the last one for ever.
#[derive(Debug)]
struct Scripted(Mutex<Vec<Vec<SocketAddr>>>);

impl Scripted {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let address = |text: &&str| SocketAddr::new(text.parse().unwrap(), 0);
        let answers = answers.iter().rev().map(|answer| answer.iter().map(address).collect()).collect();
        Arc::new(Self(Mutex::new(answers)))
    }
}

impl Lookup for Scripted {
    fn lookup(&self, _host: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop().unwrap() } else { answers[0].clone() };
        Box::pin(async move { Ok(answer) })
    }
}

const MESSAGE: Message<'static> = Message { id: "evt_1", timestamp: 1, signature: "v1,x", body: "{}" };

fn now() -> Instant {
    "2026-06-05T06:00:00Z".parse().unwrap()
}

fn strict() -> Options {
    Options { request_timeout: Duration::from_secs(5), ..Options::default() }
}

fn lax() -> Options {
    Options { allow_private: true, ..strict() }
}

#[tokio::test]
async fn a_name_that_leads_into_a_private_network_is_refused_when_it_is_given() {
    for answer in [["127.0.0.1"], ["169.254.169.254"], ["fd00::1"], ["::ffff:10.0.0.1"]] {
        let hooks = Hooks::resolving_by(strict(), Scripted::new(&[&answer]));
        let refused = hooks.check("url", "https://receiver.test/").await.unwrap_err();
        assert_eq!(refused.field, "url", "{answer:?}");
    }
    let mixed = Hooks::resolving_by(strict(), Scripted::new(&[&["8.8.8.8", "10.0.0.1"]]));
    assert!(mixed.check("url", "https://receiver.test/").await.is_err());
    let public = Hooks::resolving_by(strict(), Scripted::new(&[&["8.8.8.8"]]));
    assert!(public.check("url", "https://receiver.test/").await.is_ok());
    let nowhere = Hooks::resolving_by(strict(), Scripted::new(&[&[]]));
    assert!(nowhere.check("url", "https://receiver.test/").await.is_ok(), "it may lead somewhere later");
}

#[tokio::test]
async fn a_name_that_changes_its_mind_after_it_was_looked_at_leads_nowhere() {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let hooks = Hooks::resolving_by(strict(), Scripted::new(&[&["8.8.8.8"], &["127.0.0.1"]]));
    let url = format!("https://receiver.test:{}/", listener.local_addr().unwrap().port());
    hooks.check("url", &url).await.unwrap();

    let outcome = hooks.send(&url, MESSAGE, now()).await;

    assert_eq!(outcome.status, None);
    assert_eq!(outcome.error.as_deref(), Some("not sent: its name leads into a private network"));
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "nobody knocked");
}

#[tokio::test]
async fn an_address_that_is_allowed_no_more_is_not_sent_to() {
    let receiver = Receiver::start().unwrap();
    let hooks = Hooks::new(strict());
    let outcome = hooks.send(receiver.url("/hook").as_str(), MESSAGE, now()).await;
    assert!(outcome.error.is_some_and(|error| error.starts_with("not sent: expected https://")));
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn what_the_receiver_says_is_told_in_part_and_its_redirects_are_not_followed() {
    let receiver = Receiver::start().unwrap();
    let hooks = Hooks::resolving_by(lax(), Scripted::new(&[&["127.0.0.1"]]));
    let url = format!("http://receiver.test:{}/hook", receiver.url("/").port().unwrap());
    let taken = hooks.send(&url, MESSAGE, now()).await;
    assert_eq!((taken.status, taken.error), (Some(200), None));
    let seen = receiver.received().remove(0);
    assert_eq!((seen.path.as_str(), seen.id.as_str(), seen.body.as_str()), ("/hook", "evt_1", "{}"));

    receiver
        .fail(ReceiverFault::Answer { status: 503, body: "x\n".repeat(4_000), retry_after: Some("120".to_owned()) }, 1);
    let busy = hooks.send(&url, MESSAGE, now()).await;
    assert_eq!((busy.status, busy.retry_after), (Some(503), Some(TimeDelta::minutes(2))));
    let error = busy.error.unwrap();
    assert!(error.starts_with("HTTP 503: x x") && error.len() <= SNIPPET_BYTES_MAX + 16, "{error}");

    receiver.fail(ReceiverFault::Redirect(receiver.url("/elsewhere").to_string()), 1);
    let sent_on = hooks.send(&url, MESSAGE, now()).await;
    assert_eq!((sent_on.status, receiver.received().len()), (Some(307), 3));

    receiver.fail(ReceiverFault::Drop, 1);
    let dropped = hooks.send(&url, MESSAGE, now()).await;
    assert_eq!((dropped.status, dropped.error.is_some()), (None, true));
}
