//! How soon those who subscribe on two nodes hear of what one of them committed.

use std::time::{Duration, Instant};

use futures::{SinkExt as _, StreamExt as _};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use wabacus::domain::event::{Cursor, Log};

use crate::figure::{percentile, say};
use crate::node::Cluster;
use crate::one_record;

const SUBSCRIPTIONS: usize = 5_000;
const COMMITS: usize = 50;
/// Connections that are opened at the same time.
const OPENED_AT_ONCE: usize = 100;
/// How long a commit may take to reach everybody before the figures are of no use.
const PATIENCE: Duration = Duration::from_secs(60);

/// Commits one after the other, each once everybody heard of the last, and prints when they did.
pub(crate) async fn measure(cluster: &Cluster, organisations: usize) {
    let mut tokens = Vec::with_capacity(organisations);
    for _ in 0..organisations {
        tokens.push(cluster.organisation().await.1);
    }
    let (heard, mut times_heard) = mpsc::unbounded_channel();
    let everybody: Vec<usize> = (0..SUBSCRIPTIONS).collect();
    for some in everybody.chunks(OPENED_AT_ONCE) {
        // Neighbours are on different nodes, whoever's organisation it is.
        let some =
            some.iter().map(|number| subscribe(cluster.url(*number), &tokens[number / 2 % organisations], &heard));
        join_all(some).await;
    }
    let listeners = SUBSCRIPTIONS / organisations;
    // The first is not counted: everything is made ready by it.
    let (mut all, mut last, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..=COMMITS {
        let query = "mutation($records: [UsageRecordInput!]!) { recordUsage(records: $records) { outcome } }";
        let began = Instant::now();
        let told =
            cluster.ask(number, &tokens[number % organisations], query, json!({ "records": one_record(number) }));
        let listening = async {
            let mut times = Vec::with_capacity(listeners);
            while times.len() < listeners {
                let time = tokio::time::timeout(PATIENCE, times_heard.recv()).await.expect("everybody hears of it");
                times.push(time.expect("the subscriptions stay"));
            }
            times
        };
        let answering = async {
            let data = told.await;
            assert_eq!(data["recordUsage"][0]["outcome"], "RECORDED", "{data}");
            Instant::now()
        };
        let (answered_at, times): (Instant, Vec<Instant>) = tokio::join!(answering, listening);
        if number > 0 {
            answers.push(answered_at - began);
            all.extend(times.iter().map(|time| time.saturating_duration_since(answered_at)));
            last.extend(times.iter().max().map(|time| time.saturating_duration_since(answered_at)));
        }
    }
    for times in [&mut all, &mut last, &mut answers] {
        times.sort_unstable();
    }
    let shown = |times: &[Duration]| {
        format!("p50 {} ms, p99 {} ms", percentile(times, 50).as_millis(), percentile(times, 99).as_millis())
    };
    say(&format!(
        "2 nodes, {SUBSCRIPTIONS} subscriptions to {organisations} organisations, {listeners} hear of a commit"
    ));
    say(&format!("  after the answer to who recorded (which took {}):", shown(&answers)));
    say(&format!("  each subscription {}; the last of all {}", shown(&all), shown(&last)));
}

/// Opens a WebSocket and subscribes; each event is reported by the time it came.
async fn subscribe(url: &str, token: &str, heard: &mpsc::UnboundedSender<Instant>) {
    let url = format!("{}/graphql/ws", url.replacen("http", "ws", 1));
    let mut request = url.into_client_request().expect("a WebSocket's address");
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("graphql-transport-ws"));
    let (mut stream, _) = connect_async(request).await.expect("the server shakes hands");
    let mut say =
        async |message: Value| stream.send(Message::text(message.to_string())).await.expect("the server reads");
    say(json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {token}") } })).await;
    // From the beginning, so that nothing is missed however late the subscription gets under way.
    let after = Cursor { log: Log::Organisation, after: 0 };
    let query = format!("subscription {{ usageChanged(after: \"{after}\") {{ cursor changed }} }}");
    say(json!({ "type": "subscribe", "id": "1", "payload": { "query": query } })).await;
    say(json!({ "type": "subscribe", "id": "2", "payload": { "query": "{ __typename }" } })).await;
    let heard = heard.clone();
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut ready = Some(ready);
        while let Some(Ok(message)) = stream.next().await {
            let Message::Text(text) = message else { continue };
            if text.contains("__typename") {
                if let Some(ready) = ready.take() {
                    // Whoever waited may have gone.
                    let _ = ready.send(());
                }
            } else if text.contains("usageChanged") {
                assert!(!text.contains("\"errors\""), "{text}");
                if heard.send(Instant::now()).is_err() {
                    return;
                }
            }
        }
    });
    is_ready.await.expect("the server answers");
}
