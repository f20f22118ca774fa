//! Channels: connected with their credentials, changed, paused, listed.

use std::collections::HashMap;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::access::Caller;
use super::core::UnitOfWork;
use super::{Core, ServiceError, account_usage, alert, job_run};
use crate::domain::channel::{BspAccountRef, BspKind, Channel, ChannelKind, ChannelStatus};
use crate::domain::id::{ChannelId, OrganisationId};
use crate::domain::input::{BadInput, Name};
use crate::domain::job::{JobKind, JobRun, JobTrigger};
use crate::domain::organisation::Organisation;
use crate::domain::period::Month;
use crate::domain::phone::PhoneNumber;
use crate::store;
use crate::store::channel::SealedCredentials;

/// The most channels that an organisation may have.
const CHANNELS_MAX: i64 = 1_000;

/// How Gupshup knows an account.
#[derive(Debug, Clone)]
pub struct GupshupCredentials {
    pub app_id: String,
    pub token: SecretString,
}

/// How Meta knows an account; without a token the server's own is used.
#[derive(Debug, Clone)]
pub struct InteraktCredentials {
    pub waba_id: String,
    pub access_token: Option<SecretString>,
}

/// A channel that is to be made.
#[derive(Debug, Clone)]
pub struct NewChannel {
    pub kind: ChannelKind,
    pub name: String,
    pub phone_number: Option<String>,
    pub gupshup: Option<GupshupCredentials>,
    pub interakt: Option<InteraktCredentials>,
}

/// What is to be changed; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct ChannelChange {
    pub name: Option<String>,
    pub phone_number: Option<String>,
    pub paused: Option<bool>,
    pub gupshup: Option<GupshupCredentials>,
    pub interakt: Option<InteraktCredentials>,
}

/// An account with its secret, checked.
struct Account {
    account: BspAccountRef,
    secret: Option<SecretString>,
}

/// Makes, changes and shows channels.
#[derive(Debug, Clone)]
pub struct ChannelService {
    core: Arc<Core>,
}

impl ChannelService {
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Connects a channel, gives it this month's document, and has its usage pulled for the first time.
    pub async fn create(
        &self,
        caller: &Caller,
        organisation_id: OrganisationId,
        new: NewChannel,
    ) -> Result<Channel, ServiceError> {
        caller.require_admin()?;
        let name = Name::parse("input.name", &new.name)?;
        let phone_number = new.phone_number.as_deref().map(phone_number).transpose()?;
        let account = account(new.gupshup, new.interakt)?;
        check_account_fits(new.kind, account.as_ref())?;

        let mut work = self.core.begin().await?;
        let organisation = store::organisation::find(work.tx(), organisation_id).await?;
        let organisation = organisation.ok_or(ServiceError::NotFound("organisation"))?;
        if store::channel::count(work.tx(), organisation_id).await? >= CHANNELS_MAX {
            return Err(ServiceError::Conflict(format!("an organisation has at most {CHANNELS_MAX} channels")));
        }
        let id = ChannelId::generate(work.now());
        let channel = Channel {
            id,
            organisation_id,
            kind: new.kind,
            account: account.as_ref().map(|account| account.account.clone()),
            name: name.into_string(),
            phone_number,
            status: ChannelStatus::Active,
            status_reason: None,
            usage_high_water: None,
            account_zone: None,
            created_at: work.now(),
        };
        let sealed = self.seal(id, account.as_ref());
        store::channel::insert(work.tx(), &channel, sealed.as_ref(), work.now()).await?;
        if channel.account.is_some() {
            let month = Month::of(organisation.time_zone.date(work.now()));
            let empty = account_usage::empty_month(organisation_id, id, month);
            store::account_usage::ensure_months(work.tx(), &[empty], work.now()).await?;
            self.ask_for_first_pull(&mut work, &organisation).await?;
        }
        let details = json!({ "kind": channel.kind, "name": channel.name, "phoneNumber": channel.phone_number,
            "bsp": channel.account.as_ref().map(|account| account.bsp),
            "account": channel.account.as_ref().map(|account| &account.account) });
        work.audit(caller, "createChannel", Some(organisation_id), Some(id.to_string()), details).await?;
        work.commit().await?;
        self.core.wake(organisation_id);
        Ok(channel)
    }

    /// Somebody who connects a channel, or mends its credentials, wants to see its figures now, not tomorrow morning.
    async fn ask_for_first_pull(
        &self,
        work: &mut UnitOfWork<'_>,
        organisation: &Organisation,
    ) -> Result<(), ServiceError> {
        let policy = &self.core.scheduling().retry;
        let run = JobRun::queued(organisation.id, JobKind::DailyUsage, JobTrigger::Event, None, policy, work.now());
        job_run::enqueue(work, run).await?;
        Ok(())
    }

    fn seal(&self, id: ChannelId, account: Option<&Account>) -> Option<SealedCredentials> {
        let secret = account?.secret.as_ref()?;
        Some(self.core.keys().seal(id, secret))
    }

    /// Changes a channel. New credentials clear `NEEDS_ATTENTION` and have the usage pulled.
    pub async fn update(&self, caller: &Caller, id: ChannelId, change: ChannelChange) -> Result<Channel, ServiceError> {
        caller.require_admin()?;
        let name = change.name.as_deref().map(|text| Name::parse("input.name", text)).transpose()?;
        let phone_number = change.phone_number.as_deref().map(phone_number).transpose()?;
        let account = account(change.gupshup, change.interakt)?;

        let mut work = self.core.begin().await?;
        let mut channel = store::channel::find_any(work.tx(), id).await?.ok_or(ServiceError::NotFound("channel"))?;
        if let Some(account) = &account {
            check_account_fits(channel.kind, Some(account))?;
            if channel.account.as_ref().is_some_and(|before| *before != account.account) {
                let accepted = "expected the account that the channel has: another account is another channel";
                return Err(BadInput::new(field_of(account), &account.account.account, accepted).into());
            }
            channel.account = Some(account.account.clone());
        }
        let needed_attention = channel.status == ChannelStatus::NeedsAttention;
        channel.name = name.map_or(channel.name, Name::into_string);
        channel.phone_number = phone_number.or(channel.phone_number);
        channel.status = match (change.paused, channel.status, &account) {
            (Some(true), _, _) => ChannelStatus::Paused,
            (Some(false), ChannelStatus::Paused, _) | (_, ChannelStatus::NeedsAttention, Some(_)) => {
                ChannelStatus::Active
            }
            (_, status, _) => status,
        };
        if channel.status != ChannelStatus::NeedsAttention {
            channel.status_reason = None;
        }
        let sealed = self.seal(id, account.as_ref());
        store::channel::update(work.tx(), &channel, sealed.as_ref(), work.now()).await?;
        let organisation_id = channel.organisation_id;
        if needed_attention && channel.status != ChannelStatus::NeedsAttention {
            alert::attended(&mut work, organisation_id, id).await?;
        }
        if account.is_some() && channel.is_metered() {
            let organisation = store::organisation::find(work.tx(), organisation_id).await?;
            let organisation = organisation.ok_or(ServiceError::NotFound("organisation"))?;
            self.ask_for_first_pull(&mut work, &organisation).await?;
        }
        let details = json!({ "name": change.name, "phoneNumber": change.phone_number, "paused": change.paused,
            "newCredentials": account.is_some() });
        work.audit(caller, "updateChannel", Some(organisation_id), Some(id.to_string()), details).await?;
        work.commit().await?;
        self.core.wake(organisation_id);
        Ok(channel)
    }

    /// The organisation's channels, oldest first.
    pub async fn list(
        &self,
        organisation: OrganisationId,
        kind: Option<ChannelKind>,
        bsp: Option<BspKind>,
    ) -> Result<Vec<Channel>, ServiceError> {
        Ok(store::channel::list(self.core.store().read(), organisation, kind, bsp).await?)
    }

    /// The channel with this id, whosever it is.
    pub async fn find(&self, id: ChannelId) -> Result<Option<Channel>, ServiceError> {
        Ok(store::channel::find_any(self.core.store().read(), id).await?)
    }

    /// Those of the ids that exist, whosever they are.
    pub async fn find_many(&self, ids: &[ChannelId]) -> Result<HashMap<ChannelId, Channel>, ServiceError> {
        let found = store::channel::find_many(self.core.store().read(), ids).await?;
        Ok(found.into_iter().map(|channel| (channel.id, channel)).collect())
    }
}

const fn field_of(account: &Account) -> &'static str {
    match account.account.bsp {
        BspKind::Gupshup => "input.gupshup.appId",
        BspKind::Interakt => "input.interakt.wabaId",
    }
}

/// At most one account, of one BSP.
fn account(
    gupshup: Option<GupshupCredentials>,
    interakt: Option<InteraktCredentials>,
) -> Result<Option<Account>, BadInput> {
    match (gupshup, interakt) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            Err(BadInput::new("input.interakt", "gupshup and interakt", "expected the credentials of one BSP"))
        }
        (Some(gupshup), None) => {
            let account = path_segment("input.gupshup.appId", &gupshup.app_id)?;
            let secret = secret("input.gupshup.token", gupshup.token)?;
            Ok(Some(Account { account: BspAccountRef { bsp: BspKind::Gupshup, account }, secret: Some(secret) }))
        }
        (None, Some(interakt)) => {
            let account = path_segment("input.interakt.wabaId", &interakt.waba_id)?;
            let secret = interakt.access_token.map(|token| secret("input.interakt.accessToken", token)).transpose()?;
            Ok(Some(Account { account: BspAccountRef { bsp: BspKind::Interakt, account }, secret }))
        }
    }
}

fn check_account_fits(kind: ChannelKind, account: Option<&Account>) -> Result<(), BadInput> {
    match (kind, account) {
        (ChannelKind::Whatsapp, None) => {
            Err(BadInput::new("input.gupshup", "null", "expected gupshup or interakt for a WhatsApp channel"))
        }
        (ChannelKind::Whatsapp, Some(_)) | (_, None) => Ok(()),
        (_, Some(account)) => Err(BadInput::new(
            field_of(account),
            &account.account.account,
            "expected no BSP, which only WhatsApp channels have",
        )),
    }
}

/// An account's id becomes a segment of a URL's path, so it is held to what such ids are made of.
fn path_segment(field: &str, text: &str) -> Result<String, BadInput> {
    let fits = (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if fits {
        return Ok(text.to_owned());
    }
    Err(BadInput::new(field, text, "expected 1 to 100 letters, digits, hyphens or underscores"))
}

/// A secret becomes a header's value. It is never quoted back.
fn secret(field: &str, secret: SecretString) -> Result<SecretString, BadInput> {
    let text = secret.expose_secret();
    if (1..=4_096).contains(&text.len()) && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
        return Ok(secret);
    }
    Err(BadInput::new(field, "(hidden)", "expected 1 to 4096 printable ASCII characters without spaces"))
}

fn phone_number(text: &str) -> Result<String, BadInput> {
    PhoneNumber::parse("input.phoneNumber", text).map(PhoneNumber::into_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_cannot_leave_its_place_in_a_path_and_a_secret_is_not_quoted() {
        assert!(path_segment("f", "11111111-2222-4333-8444-555555555555").is_ok());
        for bad in ["", "../x", "a/b", "a?b", "a b"] {
            assert!(path_segment("f", bad).is_err(), "{bad:?}");
        }
        let refused = secret("f", SecretString::from("top secret")).unwrap_err();
        assert!(!refused.to_string().contains("top"), "{refused}");
    }

    #[test]
    fn only_whatsapp_has_a_bsp_and_exactly_one() {
        let gupshup = || Some(GupshupCredentials { app_id: "a".into(), token: SecretString::from("t") });
        let interakt = || Some(InteraktCredentials { waba_id: "1".into(), access_token: None });
        assert!(account(gupshup(), interakt()).is_err());
        let account = account(gupshup(), None).unwrap();
        assert!(check_account_fits(ChannelKind::Whatsapp, account.as_ref()).is_ok());
        assert!(check_account_fits(ChannelKind::Whatsapp, None).is_err());
        assert!(check_account_fits(ChannelKind::Sms, account.as_ref()).is_err());
        assert!(check_account_fits(ChannelKind::Sms, None).is_ok());
    }
}
