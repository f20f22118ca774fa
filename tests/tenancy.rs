//! To a stranger, what belongs to another organisation is as what does not exist; the schema itself says what is asked here.

#[path = "tenancy/catalogue.rs"]
mod catalogue;
#[path = "support/mod.rs"]
#[expect(dead_code, unreachable_pub, reason = "the harness is made for all stories")]
mod support;

use async_graphql::Request;
use catalogue::{Catalogue, OWN_CHANNEL, Question};
use futures::StreamExt as _;
use serde_json::{Value, json};
use support::{NOON, Setup, World};
use wabacus::domain::id::{OrganisationId, TokenId};
use wabacus::domain::token::{Token, TokenScope};
use wabacus::service::access::Caller;

/// A world in which everything may be asked for at once, however much that is.
async fn world() -> World {
    Setup::at(NOON).with("COMPLEXITY_MAX", "1000000").begin().await
}

/// Two organisations that know nothing of each other.
struct Neighbours {
    world: World,
    /// The secret of a token of the first.
    token: String,
    /// The channel of the first.
    own_channel: String,
    /// The ids of what belongs to the second, of every kind.
    foreign: Vec<String>,
}

impl Neighbours {
    async fn begin() -> Self {
        let world = world().await;
        let (own, own_channel) = world.shop("own-account").await;
        let (other, channel) = world.shop("other-account").await;
        world.pull_day(&other, "2026-06-04").await;
        // The month ends, so that there are invoices.
        world.advance_to("2026-07-01T06:00:00Z").await;
        let token = world.token(Some(&own)).await;
        drop(world.token(Some(&other)).await);
        let query = "query($id: ID!) {
            organisation(id: $id) { scheduledJobs { id } jobRuns { nodes { id } } invoices { nodes { id lines { id } } }
                snapshots(type: DAILY, from: \"2026-06-30\", to: \"2026-06-30\") { id } }
            tokens(organisationId: $id) { nodes { id } }
            auditLog(organisationId: $id) { nodes { id } } }";
        let data = world.ask(query, json!({ "id": other })).await;
        let query = "mutation($id: ID!) { upsertCustomers(organisationId: $id, customers: [{ phone: \"+919800000001\" }]) { id } }";
        let customer = world.ask(query, json!({ "id": other })).await["upsertCustomers"][0]["id"].take();
        let query = "mutation($id: ID!) { upsertCampaigns(organisationId: $id, campaigns: [
            { externalId: \"diwali\", name: \"Diwali\", state: ACTIVE, recipients: 1 }]) { id } }";
        let campaign = world.ask(query, json!({ "id": other })).await["upsertCampaigns"][0]["id"].take();
        let query = "mutation($id: ID!) { recordUsage(organisationId: $id, records: [
            { kind: WHATSAPP, resourceType: \"message\", resourceId: \"wamid\" },
            { kind: SOCIAL, resourceType: \"message\", resourceId: \"unpriced\" }]) { record { id } } }";
        let record = world.ask(query, json!({ "id": other })).await["recordUsage"][0]["record"]["id"].take();
        // A part of the allowances of both, of which the channel has one of its own.
        let query =
            "mutation($id: ID!, $channel: ID!) { setAllowance(organisationId: $id, channelId: $channel) { overage } }";
        world.ask(query, json!({ "id": other, "channel": channel })).await;
        let query = "mutation($id: ID!) { reserveAllowance(channelId: $id, quantity: 1, ttlSeconds: 86400) { id } }";
        let held = world.ask(query, json!({ "id": channel })).await["reserveAllowance"]["id"].take();
        // A name that leads nowhere, for ever (RFC 2606).
        let query = "mutation($id: ID!) { createWebhookEndpoint(organisationId: $id, url: \"https://hooks.invalid/\") { endpoint { id } } }";
        let hook = world.ask(query, json!({ "id": other })).await["createWebhookEndpoint"]["endpoint"]["id"].take();
        let query = "query($id: ID!) { organisation(id: $id) { alerts { nodes { id } } } }";
        let alert = world.ask(query, json!({ "id": other })).await["organisation"]["alerts"]["nodes"][0]["id"].take();
        let mut foreign = vec![other, channel];
        foreign
            .extend([customer, record, campaign, held, hook, alert].map(|id| id.as_str().expect("an id").to_owned()));
        for list in [
            &data["organisation"]["scheduledJobs"],
            &data["organisation"]["jobRuns"]["nodes"],
            &data["organisation"]["invoices"]["nodes"],
            &data["organisation"]["invoices"]["nodes"][0]["lines"],
            &data["organisation"]["snapshots"],
            &data["tokens"]["nodes"],
            &data["auditLog"]["nodes"],
        ] {
            foreign.push(list[0]["id"].as_str().expect("each kind of thing is there").to_owned());
        }
        Self { world, token, own_channel, foreign }
    }

    /// What belongs to the second organisation must not be in an answer.
    fn assert_silent(&self, answer: &Value, question: &str) {
        let mut data = answer["data"].clone();
        // Why a record was rejected quotes what the asker said.
        for result in data.as_object_mut().into_iter().flat_map(|data| data.values_mut()) {
            let results = if let Value::Array(results) = result { results } else { std::slice::from_mut(result) };
            for result in results.iter_mut().filter(|result| result["__typename"] == "RecordResult") {
                result.as_object_mut().and_then(|result| result.remove("reason"));
            }
        }
        let text = data.to_string();
        for needle in self.foreign.iter().map(String::as_str).chain(["other-account"]) {
            assert!(!text.contains(needle), "{question}\nshows {needle}:\n{answer:#}");
        }
    }
}

/// The codes of the errors, or of records that were rejected, each of which is answered by itself.
fn codes(answer: &Value) -> Vec<&str> {
    let errors = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let results = answer["data"].as_object().into_iter().flat_map(|data| data.values());
    let results = results.flat_map(|result| result.as_array().map_or(std::slice::from_ref(result), Vec::as_slice));
    let results = results.filter(|result| result["__typename"] == "RecordResult");
    let rejected = results.filter_map(|result| match result["outcome"].as_str() {
        Some("REJECTED") => Some(result["code"].as_str().unwrap_or("none")),
        // An answer to a stranger's customer is one to nobody, which is not counted.
        Some("SKIPPED") => Some("SKIPPED"),
        _ => None,
    });
    errors.iter().map(|error| error["extensions"]["code"].as_str().unwrap_or("none")).chain(rejected).collect()
}

/// Every place that takes an id was asked with every id of the neighbour: none shows anything, and of those ids that the place can
/// mean at all, each is `NOT_FOUND` or `FORBIDDEN`.
fn assert_refused(question: &Question, answers: &[Value]) {
    let mut refused = false;
    for answer in answers {
        let codes = codes(answer);
        assert!(!codes.is_empty(), "{} was answered: {answer:#}", question.place);
        for code in codes {
            match code {
                "NOT_FOUND" | "FORBIDDEN" | "SKIPPED" => refused = true,
                // An id of another kind.
                "BAD_USER_INPUT" => {}
                other => panic!("{} answers {other}: {answer:#}", question.place),
            }
        }
    }
    assert!(refused, "{} never found anything to refuse: {answers:#?}", question.place);
}

#[actix_web::test]
async fn an_id_of_another_organisation_is_answered_as_one_that_does_not_exist() {
    let neighbours = Neighbours::begin().await;
    let catalogue = Catalogue::of_schema();
    let questions: Vec<_> = catalogue.with_ids().into_iter().filter(|question| !question.is_subscription()).collect();
    assert!(questions.len() >= 20, "only {} places take an id", questions.len());
    for question in &questions {
        let mut answers = Vec::new();
        for id in &neighbours.foreign {
            let text = question.with_id(id).replace(OWN_CHANNEL, &neighbours.own_channel);
            let answer = neighbours.world.ask_as(&neighbours.token, &text, json!({})).await;
            neighbours.assert_silent(&answer, &text);
            answers.push(answer);
        }
        assert_refused(question, &answers);
    }
}

#[actix_web::test]
async fn the_same_questions_are_answered_to_an_admin() {
    let neighbours = Neighbours::begin().await;
    for question in Catalogue::of_schema().with_ids().iter().filter(|question| question.is_query()) {
        // A field of an organisation is asked of the caller's own, and an admin has none.
        if question.is_nested() {
            continue;
        }
        let mut answered = false;
        for id in &neighbours.foreign {
            let answer = neighbours.world.ask_as(&neighbours.world.admin, &question.with_id(id), json!({})).await;
            answered |= codes(&answer).is_empty();
        }
        assert!(answered, "{} answers nothing to an admin either, so refusing it proves nothing", question.place);
    }
}

#[actix_web::test]
async fn without_an_id_nothing_of_another_organisation_is_shown() {
    let neighbours = Neighbours::begin().await;
    for question in Catalogue::of_schema().roots().iter().filter(|question| question.is_query()) {
        let text = question.without_id();
        let answer = neighbours.world.ask_as(&neighbours.token, &text, json!({})).await;
        neighbours.assert_silent(&answer, &text);
        for code in codes(&answer) {
            assert!(["FORBIDDEN", "NOT_FOUND", "BAD_USER_INPUT"].contains(&code), "{text}\n{answer:#}");
        }
    }
}

#[actix_web::test]
async fn a_subscription_to_another_organisation_begins_with_its_refusal() {
    let neighbours = Neighbours::begin().await;
    let access = &neighbours.world.app().services().access;
    let caller = access.authenticate(&neighbours.token).await.unwrap().unwrap();
    let questions: Vec<_> = Catalogue::of_schema().with_ids().into_iter().filter(Question::is_subscription).collect();
    assert!(!questions.is_empty());
    for question in &questions {
        let mut answers = Vec::new();
        for id in &neighbours.foreign {
            let request = Request::new(question.with_id(id)).data(caller.clone());
            let mut stream = neighbours.world.app().schema().execute_stream(request);
            answers.push(serde_json::to_value(stream.next().await.expect("a refusal")).unwrap());
            assert!(stream.next().await.is_none(), "{} goes on after its refusal", question.place);
        }
        assert_refused(question, &answers);
    }
}

/// Asks every root field as `caller`; what each answers.
async fn ask_all(world: &World, caller: Option<&Caller>) -> Vec<(Question, Value)> {
    let mut answers = Vec::new();
    for question in Catalogue::of_schema().roots() {
        let mut request = Request::new(question.without_id());
        if let Some(caller) = caller {
            request = request.data(caller.clone());
        }
        let mut stream = world.app().schema().execute_stream(request);
        let answer = serde_json::to_value(stream.next().await.expect("an answer")).expect("an answer is JSON");
        answers.push((question, answer));
    }
    answers
}

#[actix_web::test]
async fn without_a_token_every_field_is_unauthenticated() {
    let world = world().await;
    for (question, answer) in ask_all(&world, None).await {
        assert_eq!(codes(&answer), ["UNAUTHENTICATED"], "{}: {answer:#}", question.place);
    }
}

/// A token of `organisation` as it is after an hour of not being looked at.
fn token(world: &World, scopes: Vec<TokenScope>, expires_in_hours: i64) -> Token {
    Token {
        id: TokenId::generate(world.now()),
        organisation_id: Some(OrganisationId::generate(world.now())),
        name: "till".to_owned(),
        scopes,
        expires_at: Some(world.now() + chrono::TimeDelta::hours(expires_in_hours)),
        last_used_at: None,
        revoked_at: None,
        created_at: world.now(),
    }
}

#[actix_web::test]
async fn a_token_that_ran_out_while_its_connection_lasted_is_unauthenticated() {
    let world = world().await;
    let caller = Caller::of(token(&world, vec![TokenScope::Read], -1));
    for (question, answer) in ask_all(&world, Some(&caller)).await {
        assert_eq!(codes(&answer), ["UNAUTHENTICATED"], "{}: {answer:#}", question.place);
    }
}

/// What a token may do that may only record.
const RECORDING: &[&str] = &[
    "Query.viewer",
    "Mutation.upsertCustomers",
    "Mutation.upsertCampaigns",
    "Mutation.recordUsage",
    "Mutation.recordMessages",
    "Mutation.upsertConversations",
    "Mutation.amendUsage",
    "Mutation.voidUsage",
    "Mutation.recordCall",
    "Mutation.recordMessage",
    "Mutation.recordEmail",
    "Mutation.recordWhatsApp",
    "Mutation.recordLlmResponse",
    "Mutation.startWelcomeBootstrap",
    "Mutation.reserveAllowance",
    "Mutation.commitReservation",
    "Mutation.releaseReservation",
    "Mutation.createWebhookEndpoint",
    "Mutation.deleteWebhookEndpoint",
    "Mutation.testWebhookEndpoint",
    "Mutation.replayWebhookEndpoint",
    "Mutation.enableWebhookEndpoint",
];

#[actix_web::test]
async fn a_token_that_only_records_reads_nothing_but_whose_it_is() {
    let world = world().await;
    let caller = Caller::of(token(&world, vec![TokenScope::Record], 1));
    for (question, answer) in ask_all(&world, Some(&caller)).await {
        let forbidden = codes(&answer) == ["FORBIDDEN"];
        assert_eq!(forbidden, !RECORDING.contains(&question.place.as_str()), "{}: {answer:#}", question.place);
    }
}
