//! Who is calling, what they reach, and the tokens that say so.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::{FutureExt as _, StreamExt as _};
use moka::future::Cache as Moka;
use rand::RngCore as _;
use secrecy::SecretString;
use serde_json::json;
use sha2::{Digest as _, Sha256};

pub use super::caller::Caller;
use super::memo::shared;
use super::{Core, ServiceError};
use crate::bus::{Bus, Revocations, Revoked};
use crate::domain::clock::Instant;
use crate::domain::id::{OrganisationId, TokenId};
use crate::domain::input::{BadInput, Name};
use crate::domain::page::{Page, PageRequest};
use crate::domain::token::{Token, TokenScope};
use crate::store;

/// What a secret starts with, so that one that leaked is recognised for what it is.
const SECRET_PREFIX: &str = "wab_";

/// How long a token that was looked up is trusted without looking again. Revoking forgets it at once.
const TRUST: Duration = Duration::from_secs(30);

/// How exact `lastUsedAt` is: it is written at most this often.
const TOUCH_EVERY: TimeDelta = TimeDelta::minutes(1);

/// A token that is to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub name: String,
    /// `None`: an admin token.
    pub organisation_id: Option<OrganisationId>,
    /// `None`: `READ` and `RECORD` for an organisation's token, `READ`, `RECORD` and `ADMIN` for an admin token.
    pub scopes: Option<Vec<TokenScope>>,
    /// `None`: it never expires.
    pub expires_at: Option<Instant>,
}

/// How many tokens are known without looking them up.
const NEAR_MAX: u64 = 100_000;

/// Makes, checks and revokes tokens.
#[derive(Debug, Clone)]
pub struct AccessService {
    core: Arc<Core>,
    near: Arc<Near>,
}

/// Tokens that were looked up, by what their secrets are known by. They are kept in this process and nowhere else: every request asks for one, and a
/// shared cache could give back what was revoked while it was out of reach. What the bus says of revocations is heard before each look.
struct Near {
    revocations: tokio::sync::Mutex<Revocations>,
    tokens: Moka<[u8; 32], Token>,
    /// The same for those who stay: however many hold a token, it is looked at once.
    held: Moka<TokenId, bool>,
}

impl std::fmt::Debug for Near {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Near").field("tokens", &self.tokens.entry_count()).finish_non_exhaustive()
    }
}

impl Near {
    fn new(bus: &dyn Bus) -> Self {
        let tokens = Moka::builder().max_capacity(NEAR_MAX).time_to_live(TRUST).build();
        let held = Moka::builder().max_capacity(NEAR_MAX).time_to_live(TRUST).build();
        Self { revocations: tokio::sync::Mutex::new(bus.revocations()), tokens, held }
    }

    /// Forgets what was revoked. Whoever comes meanwhile waits, so that nobody finds what another is about to forget.
    async fn hear(&self) {
        let mut revocations = self.revocations.lock().await;
        while let Some(Some(revoked)) = revocations.next().now_or_never() {
            match revoked {
                Revoked::Gap => {
                    self.tokens.invalidate_all();
                    self.held.invalidate_all();
                }
                Revoked::Token(id) => {
                    self.held.invalidate(&id).await;
                    // Tokens are revoked by hand, and seldom.
                    let found = self.tokens.iter().find(|(_, token)| token.id == id);
                    if let Some((hash, _)) = found {
                        self.tokens.invalidate(&*hash).await;
                    }
                }
            }
        }
    }

    async fn get(&self, hash: &[u8; 32]) -> Option<Token> {
        self.hear().await;
        self.tokens.get(hash).await
    }
}

impl AccessService {
    /// Tokens over `core`.
    pub fn new(core: Arc<Core>) -> Self {
        let near = Arc::new(Near::new(core.bus()));
        Self { core, near }
    }

    /// Who holds `secret`; `None` where it is unknown, expired or revoked.
    ///
    /// The secret is looked up by its SHA-256: 32 random bytes need no slow hash, and an index look-up by a digest tells a
    /// measurer of time nothing about the secret.
    pub async fn authenticate(&self, secret: &str) -> Result<Option<Caller>, ServiceError> {
        let hash = hash(secret);
        let now = self.core.now();
        let token = match self.near.get(&hash).await {
            Some(token) => token,
            None => match store::token::find_by_hash(self.core.store().read(), &hash).await? {
                Some(mut token) if token.is_live(now) => {
                    self.touch(&mut token, now);
                    self.near.tokens.insert(hash, token.clone()).await;
                    // One that was revoked while it was remembered is forgotten again, whoever came first.
                    if !self.is_good(token.id).await? {
                        self.near.tokens.invalidate(&hash).await;
                        return Ok(None);
                    }
                    token
                }
                _ => return Ok(None),
            },
        };
        Ok(token.is_live(now).then(|| Caller::of(token)))
    }

    /// Whether what a long-lived caller holds still opens something, as far as it was heard of; it is looked at again every half minute, and where
    /// word of revocations was lost.
    pub async fn still_valid(&self, caller: &Caller) -> Result<bool, ServiceError> {
        let Some(held) = caller.token() else { return Ok(true) };
        if !held.is_live(self.core.now()) {
            return Ok(false);
        }
        self.near.hear().await;
        let entry = self.near.held.entry(held.id).or_try_insert_with(self.is_good(held.id)).await;
        let entry = entry.map_err(|error: Arc<ServiceError>| shared(&error))?;
        // One that was revoked while it was remembered is forgotten again, whoever came first.
        if entry.is_fresh() && *entry.value() && !self.is_good(held.id).await? {
            self.near.held.invalidate(&held.id).await;
            return Ok(false);
        }
        Ok(entry.into_value())
    }

    /// Looks at a token.
    async fn is_good(&self, id: TokenId) -> Result<bool, ServiceError> {
        let token = store::token::find(self.core.store().read(), id).await?;
        Ok(token.is_some_and(|token| token.is_live(self.core.now())))
    }

    /// Resolves once what `caller` holds opens nothing any more, because it ran out or was revoked; for the command line, never. A
    /// revocation by another process is heard of where the bus reaches it.
    pub fn ended(&self, caller: &Caller) -> impl Future<Output = ()> + Send + use<> {
        // Listening begins now, and not when somebody first waits.
        let mut revocations = self.core.bus().revocations();
        let (access, caller) = (self.clone(), caller.clone());
        async move {
            let Some(token) = caller.token() else { return pending().await };
            let revoked = async {
                loop {
                    match revocations.next().await {
                        Some(Revoked::Token(id)) if id == token.id => return,
                        // Where it cannot be looked at, whoever holds it is asked again at the next word.
                        Some(Revoked::Gap) if matches!(access.still_valid(&caller).await, Ok(false)) => return,
                        Some(Revoked::Token(_) | Revoked::Gap) => {}
                        None => return pending().await,
                    }
                }
            };
            let expired = async {
                match token.expires_at {
                    Some(expiry) => access.core.clock().wait(expiry).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = revoked => {}
                () = expired => {}
            }
        }
    }

    /// Notes the use, beside the request and not before its answer: readers do not wait for the writer.
    fn touch(&self, token: &mut Token, now: Instant) {
        if token.last_used_at.is_some_and(|last| now - last < TOUCH_EVERY) {
            return;
        }
        token.last_used_at = Some(now);
        let (core, id) = (Arc::clone(&self.core), token.id);
        tokio::spawn(async move {
            let written = async {
                let tx = core.store().begin().await?;
                store::token::touch(&tx, &[(id, now)]).await?;
                store::Store::commit(tx).await
            };
            if let Err(error) = written.await {
                tracing::warn!(token.id = %id, %error, "could not note the use of a token");
            }
        });
    }

    /// Makes a token; the secret is known to the caller alone, from here on.
    pub async fn create_token(&self, caller: &Caller, new: NewToken) -> Result<(Token, SecretString), ServiceError> {
        caller.require_admin()?;
        let name = Name::parse("input.name", &new.name)?;
        let scopes = scopes(new.scopes, new.organisation_id)?;
        let work = self.core.begin().await?;
        if let Some(expiry) = new.expires_at.filter(|expiry| *expiry <= work.now()) {
            return Err(BadInput::new("input.expiresAt", expiry, "expected a time in the future").into());
        }
        if let Some(organisation) = new.organisation_id {
            store::organisation::find(work.tx(), organisation).await?.ok_or(ServiceError::NotFound("organisation"))?;
        }
        let secret = new_secret();
        let token = Token {
            id: TokenId::generate(work.now()),
            organisation_id: new.organisation_id,
            name: name.into_string(),
            scopes,
            expires_at: new.expires_at,
            last_used_at: None,
            revoked_at: None,
            created_at: work.now(),
        };
        store::token::insert(work.tx(), &token, &hash(&secret)).await?;
        let details = json!({ "name": token.name, "scopes": token.scopes, "expiresAt": token.expires_at });
        work.audit(caller, "createToken", new.organisation_id, Some(token.id.to_string()), details).await?;
        work.commit().await?;
        Ok((token, SecretString::from(secret)))
    }

    /// Revokes a token, on every node at once where they hear of each other; false where there is none, or none that was still good.
    pub async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<bool, ServiceError> {
        caller.require_admin()?;
        let work = self.core.begin().await?;
        let token = store::token::find(work.tx(), id).await?;
        let organisation = token.and_then(|token| token.organisation_id);
        let Some(hash) = store::token::hash_of(work.tx(), id).await? else { return Ok(false) };
        let revoked = store::token::revoke(work.tx(), id, work.now()).await?;
        work.audit(caller, "revokeToken", organisation, Some(id.to_string()), json!({ "revoked": revoked })).await?;
        work.commit().await?;
        self.core.bus().revoke(id);
        self.near.hear().await;
        self.near.tokens.invalidate(&hash).await;
        // Where the process ends with this, as on the command line, the others are to have heard of it before.
        self.core.bus().sent().await;
        Ok(revoked)
    }

    /// The token with this id.
    pub async fn find(&self, id: TokenId) -> Result<Option<Token>, ServiceError> {
        Ok(store::token::find(self.core.store().read(), id).await?)
    }

    /// All tokens, oldest first, at most 10,000.
    pub async fn list(&self) -> Result<Vec<Token>, ServiceError> {
        Ok(store::token::list(self.core.store().read()).await?)
    }

    /// Tokens, those of one organisation or all.
    pub async fn page(
        &self,
        organisation: Option<OrganisationId>,
        request: &PageRequest<TokenId>,
    ) -> Result<Page<Token>, ServiceError> {
        Ok(store::token::page(self.core.store().read(), organisation, request).await?)
    }
}

fn scopes(asked: Option<Vec<TokenScope>>, organisation: Option<OrganisationId>) -> Result<Vec<TokenScope>, BadInput> {
    let mut scopes = asked.unwrap_or_else(|| match organisation {
        Some(_) => vec![TokenScope::Read, TokenScope::Record],
        None => TokenScope::ALL.to_vec(),
    });
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(BadInput::new("input.scopes", "[]", "expected at least one scope"));
    }
    if organisation.is_some() && scopes.contains(&TokenScope::Admin) {
        return Err(BadInput::new("input.scopes", "ADMIN", "expected READ or RECORD for a token of an organisation"));
    }
    Ok(scopes)
}

/// 32 bytes from the operating system's generator, in hexadecimal.
fn new_secret() -> String {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    format!("{SECRET_PREFIX}{}", hex::encode(bytes))
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
