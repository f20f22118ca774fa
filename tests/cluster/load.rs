//! Clients that record usage without a pause, as real ones do: with idempotency keys, and again at another node when one does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cluster::{Cluster, PATIENCE};

/// How many send at the same time.
const CLIENTS: usize = 4;

/// Records of a request.
const RECORDS: usize = 5;

/// Between two tries at a request that nobody answered.
const PAUSE: Duration = Duration::from_millis(20);

const RECORD: &str = "mutation($id: ID, $records: [UsageRecordInput!]!) {
    recordUsage(organisationId: $id, records: $records) { outcome code reason } }";

/// What the clients met with.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Records that were answered for.
    pub(crate) answered: i64,
    /// Requests that had to be sent again.
    pub(crate) again: usize,
}

/// Clients at work.
pub(crate) struct Load {
    over: Arc<AtomicBool>,
    clients: JoinSet<Heard>,
}

impl Load {
    /// Sends to whatever nodes there are at the time, by their addresses.
    pub(crate) fn begin(cluster: &Arc<Cluster>, nodes: &watch::Receiver<Vec<String>>, organisation: &str) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let client = Client {
                number: client,
                cluster: Arc::clone(cluster),
                nodes: nodes.clone(),
                organisation: organisation.to_owned(),
            };
            clients.spawn(client.send_until(Arc::clone(&over)));
        }
        Self { over, clients }
    }

    /// Lets every client have the answer to what it sent, and no more: what they met with, all together.
    pub(crate) async fn end(self) -> Heard {
        self.over.store(true, Ordering::Relaxed);
        let heard = self.clients.join_all().await;
        heard.into_iter().fold(Heard::default(), |all, one| Heard {
            answered: all.answered + one.answered,
            again: all.again + one.again,
        })
    }
}

struct Client {
    number: usize,
    cluster: Arc<Cluster>,
    nodes: watch::Receiver<Vec<String>>,
    organisation: String,
}

impl Client {
    async fn send_until(self, over: Arc<AtomicBool>) -> Heard {
        let mut heard = Heard::default();
        for request in 0.. {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let records: Vec<_> = (0..RECORDS).map(|number| self.record(request, number)).collect();
            let variables = json!({ "id": self.organisation, "records": records });
            let answered = tokio::time::timeout(PATIENCE, self.answered(request, &variables)).await;
            heard.again += answered.unwrap_or_else(|_| panic!("nobody answers: {variables}"));
            heard.answered += i64::try_from(RECORDS).expect("a small number");
        }
        heard
    }

    fn record(&self, request: usize, number: usize) -> Value {
        let key = format!("load-{}-{request}-{number}", self.number);
        json!({ "idempotencyKey": key, "kind": "VOICE", "resourceType": "minute", "quantity": "1" })
    }

    /// Sends a request until it is answered, to one node after the other; how often it had to be sent again.
    async fn answered(&self, request: usize, variables: &Value) -> usize {
        for again in 0.. {
            let nodes = self.nodes.borrow().clone();
            let node = &nodes[(self.number + request + again) % nodes.len()];
            let answer = self.cluster.try_ask(node, &self.cluster.admin, RECORD, variables).await;
            match answer {
                Ok(answer) if answer["errors"].is_null() => {
                    let results = answer["data"]["recordUsage"].as_array().expect("a result for each");
                    // What was sent again may have been recorded the first time.
                    let taken = |result: &Value| {
                        result["outcome"] == "RECORDED" || (again > 0 && result["outcome"] == "DUPLICATE")
                    };
                    assert!(results.len() == RECORDS && results.iter().all(taken), "{answer:#}");
                    return again;
                }
                Ok(answer) => assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer:#}"),
                Err(error) => assert!(!error.is_decode() && !error.is_status(), "{error:?}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        unreachable!("there is always a next number")
    }
}

/// Checks that so many records are there, each once, in the ledger and in what is counted of it.
pub(crate) async fn assert_recorded(cluster: &Cluster, answered: i64) {
    let sent = "SELECT count(*) FROM usage_record WHERE idempotency_key LIKE 'load-%'";
    assert_eq!(cluster.count(sent).await, answered, "in the ledger");
    assert_eq!(cluster.count("SELECT sum(records)::bigint FROM usage_hour").await, answered, "in the counters");
}
