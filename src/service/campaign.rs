//! Campaigns: told to the program by those who send them, and shown with what came of their messages.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::access::Caller;
use super::{Core, ServiceError};
use crate::domain::campaign::{Campaign, CampaignDraft, NewCampaign};
use crate::domain::id::{CampaignId, ChannelId, OrganisationId};
use crate::domain::input::BadInput;
use crate::domain::message::Counts;
use crate::domain::page::{Page, PageRequest};
use crate::store;
use crate::store::Transaction;

/// The most campaigns that one request may tell of.
pub const CAMPAIGNS_MAX: usize = 1_000;

/// Keeps and shows campaigns.
#[derive(Debug, Clone)]
pub struct CampaignService {
    core: Arc<Core>,
}

impl CampaignService {
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Makes or changes campaigns, all or none; they are answered in the order in which they were told. Where one is told of twice, both words
    /// hold, the later one last.
    pub async fn upsert(
        &self,
        caller: &Caller,
        organisation: OrganisationId,
        drafts: Vec<CampaignDraft>,
    ) -> Result<Vec<Campaign>, ServiceError> {
        let organisation = caller.reach_to_record(Some(organisation))?;
        if !(1..=CAMPAIGNS_MAX).contains(&drafts.len()) {
            let accepted = format!("expected 1 to {CAMPAIGNS_MAX} campaigns");
            return Err(BadInput::new("campaigns", drafts.len(), accepted).into());
        }
        let told = drafts.into_iter().enumerate().map(|(place, draft)| draft.check(&format!("campaigns[{place}]")));
        let told: Vec<NewCampaign> = told.collect::<Result<_, _>>()?;
        let order: Vec<String> = told.iter().map(|campaign| campaign.external_id.clone()).collect();

        let work = self.core.begin().await?;
        store::organisation::find(work.tx(), organisation).await?.ok_or(ServiceError::NotFound("organisation"))?;
        own_channels(work.tx(), organisation, &told).await?;
        let mut new: BTreeMap<&str, Campaign> = BTreeMap::new();
        for campaign in &told {
            new.entry(&campaign.external_id).or_insert_with(|| campaign.clone().begin(organisation, work.now()));
        }
        let external_ids: Vec<_> = new.keys().copied().collect();
        let new: Vec<_> = new.values().cloned().collect();
        // First they are there and then they are locked, so that two who tell of the same new campaign at once are both heard.
        store::campaign::insert_new(work.tx(), &new, work.now()).await?;
        let before = store::campaign::find_for_update(work.tx(), organisation, &external_ids).await?;
        let mut after: HashMap<_, _> =
            before.iter().map(|campaign| (campaign.external_id.clone(), campaign.clone())).collect();
        for campaign in told {
            if let Some(there) = after.remove(&campaign.external_id) {
                after.insert(campaign.external_id.clone(), there.then(campaign));
            }
        }
        let changed = before.iter().filter_map(|there| after.get(&there.external_id).filter(|now| *now != there));
        let changed: Vec<_> = changed.cloned().collect();
        store::campaign::update(work.tx(), &changed, work.now()).await?;
        work.commit().await?;
        Ok(order.iter().filter_map(|external_id| after.get(external_id).cloned()).collect())
    }

    /// The campaign with this id, whosever it is.
    pub async fn find(&self, id: CampaignId) -> Result<Option<Campaign>, ServiceError> {
        Ok(store::campaign::find_any(self.core.store().read(), id).await?)
    }

    /// An organisation's campaigns, newest first.
    pub async fn page(
        &self,
        organisation: OrganisationId,
        request: &PageRequest<CampaignId>,
    ) -> Result<Page<Campaign>, ServiceError> {
        Ok(store::campaign::page(self.core.store().read(), organisation, request).await?)
    }

    /// What came of the messages of some of an organisation's campaigns; one without messages is left out.
    pub async fn counts(
        &self,
        organisation: OrganisationId,
        ids: &[CampaignId],
    ) -> Result<HashMap<CampaignId, Counts>, ServiceError> {
        Ok(store::campaign::counts(self.core.store().read(), organisation, ids).await?)
    }
}

/// Refuses a channel of another organisation as one that does not exist.
async fn own_channels(
    tx: &Transaction,
    organisation: OrganisationId,
    told: &[NewCampaign],
) -> Result<(), ServiceError> {
    let mut named: Vec<ChannelId> = told.iter().filter_map(|campaign| campaign.channel_id).collect();
    named.sort_unstable();
    named.dedup();
    let found = store::channel::find_many(tx, &named).await?;
    let own = found.iter().filter(|channel| channel.organisation_id == organisation).count();
    if own == named.len() { Ok(()) } else { Err(ServiceError::NotFound("channel")) }
}
