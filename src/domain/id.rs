//! Identities: UUIDv7 newtypes, written outside with a prefix that says what they identify.

use std::fmt;
use std::sync::Mutex;

use uuid::{ContextV7, Timestamp, Uuid};

use super::clock::Instant;
use super::input::BadInput;

/// Keeps ids that are made within one millisecond in the order of their making.
static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());

pub(super) fn uuid_v7(now: Instant) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(&CONTEXT, seconds, now.timestamp_subsec_nanos()))
}

/// Reads `prefix` + `_` + 32 hexadecimal digits.
fn parse(prefix: &str, field: &str, text: &str) -> Result<Uuid, BadInput> {
    text.strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .filter(|hex| hex.len() == 32)
        .and_then(|hex| Uuid::try_parse(hex).ok())
        .ok_or_else(|| {
            BadInput::new(field, text, format!("expected an id that looks like {prefix}_ and 32 hexadecimal digits"))
        })
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(Uuid);

            impl $name {
                /// What the written form starts with.
                pub const PREFIX: &'static str = $prefix;

                /// A new identity, ordered after those made before it.
                pub fn generate(now: Instant) -> Self {
                    Self(uuid_v7(now))
                }

                /// The identity that a row holds.
                pub const fn from_uuid(uuid: Uuid) -> Self {
                    Self(uuid)
                }

                /// For a row.
                pub const fn uuid(self) -> Uuid {
                    self.0
                }

                /// Reads the written form out of the argument `field`; an id of another kind is refused.
                pub fn parse(field: &str, text: &str) -> Result<Self, BadInput> {
                    parse(Self::PREFIX, field, text).map(Self)
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{}_{}", Self::PREFIX, self.0.as_simple())
                }
            }

            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let text = String::deserialize(deserializer)?;
                    Self::parse("id", &text).map_err(serde::de::Error::custom)
                }
            }
        )*

        /// An identity of any kind, as the API's `node(id:)` takes it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum AnyId {
            $($(#[$doc])* $name($name),)*
        }

        impl AnyId {
            /// Reads the written form of any kind of id out of the argument `field`.
            pub fn parse(field: &str, text: &str) -> Result<Self, BadInput> {
                let prefix = text.split_once('_').map_or("", |(prefix, _)| prefix);
                match prefix {
                    $($prefix => $name::parse(field, text).map(Self::$name),)*
                    _ => {
                        let known = [$($prefix),*].join("_, ");
                        Err(BadInput::new(field, text, format!("expected an id that starts with one of {known}_")))
                    }
                }
            }
        }
    };
}

ids! {
    /// An organisation.
    OrganisationId = "org";
    /// A channel.
    ChannelId = "chn";
    /// An access token (not its secret).
    TokenId = "tok";
    /// A scheduled job.
    ScheduleId = "sch";
    /// A job run.
    JobRunId = "run";
    /// An entry of the audit log.
    AuditEntryId = "aud";
    /// A payload received from a BSP.
    PayloadId = "pay";
    /// A person that an organisation talks to.
    CustomerId = "cus";
    /// A plan.
    PlanId = "pln";
    /// A rate of a plan.
    RateId = "rat";
    /// A record of the ledger.
    UsageRecordId = "use";
    /// A credit that was granted.
    CreditGrantId = "grt";
    /// What happened to a credit.
    CreditEntryId = "cre";
    /// An invoice.
    InvoiceId = "inv";
    /// A line of an invoice.
    InvoiceLineId = "lin";
    /// A campaign.
    CampaignId = "cmp";
    /// A snapshot.
    SnapshotId = "snp";
    /// An update that was kept aside.
    RejectedUpdateId = "rej";
    /// A part of an allowance that is held for somebody.
    ReservationId = "rsv";
    /// An alert.
    AlertId = "alr";
    /// An address that webhooks are sent to.
    EndpointId = "whe";
    /// One try at sending a webhook.
    AttemptId = "wha";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        "2026-06-05T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn an_id_reads_back_and_keeps_the_order_of_its_making() {
        let ids: Vec<_> = (0..1_000).map(|_| OrganisationId::generate(now())).collect();
        assert!(ids.is_sorted() && ids[0] != ids[999]);
        assert_eq!(OrganisationId::parse("id", &ids[0].to_string()), Ok(ids[0]));
    }

    #[test]
    fn an_id_of_another_kind_is_refused_by_name() {
        let channel = ChannelId::generate(now()).to_string();
        let refused = OrganisationId::parse("organisationId", &channel).unwrap_err();
        assert_eq!(refused.field, "organisationId");
        assert!(refused.accepted.contains("org_"), "{refused}");
        assert!(matches!(AnyId::parse("id", &channel), Ok(AnyId::ChannelId(_))));
        for bad in
            ["", "org_", "org_12", "xyz_0192b7c0f0007000800000000000000a", "org_0192b7c0-f000-7000-8000-00000000000a"]
        {
            assert!(AnyId::parse("id", bad).is_err(), "{bad}");
        }
    }
}
