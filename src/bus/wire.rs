//! What nodes say to each other: a version, who says it, and records that may be passed over by who does not know them.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::domain::event::Hint;
use crate::domain::id::{OrganisationId, TokenId};

/// How it is written. Another number is for what cannot be passed over.
const VERSION: u8 = 1;

/// The kinds of records; each is followed by its length in one byte.
const HINT: u8 = 1;
const REVOKED: u8 = 2;
const WOKEN: u8 = 3;
const GAP: u8 = 4;

/// Things that are said together, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The newest of each organisation.
    hints: BTreeMap<OrganisationId, i64>,
    pub(super) revoked: BTreeSet<TokenId>,
    pub(super) woken: BTreeSet<OrganisationId>,
    /// Something was to be said that is not here.
    pub(super) gap: bool,
}

impl Said {
    /// That something was to be said.
    pub(super) fn missed() -> Self {
        Self { gap: true, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.hints.len() + self.revoked.len() + self.woken.len() + usize::from(self.gap)
    }

    pub(super) fn add(&mut self, hint: &Hint) {
        let newest = self.hints.entry(hint.organisation_id).or_insert(hint.sequence);
        *newest = hint.sequence.max(*newest);
    }

    pub(super) fn hints(&self) -> Vec<Hint> {
        let hints = self.hints.iter();
        hints
            .map(|(organisation_id, sequence)| Hint { organisation_id: *organisation_id, sequence: *sequence })
            .collect()
    }

    /// As `sender` says it.
    pub(super) fn encode(&self, sender: Uuid) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(17 + 26 * self.len());
        bytes.push(VERSION);
        bytes.extend(sender.as_bytes());
        for (organisation, sequence) in &self.hints {
            bytes.extend([HINT, 24]);
            bytes.extend(organisation.uuid().as_bytes());
            bytes.extend(sequence.to_le_bytes());
        }
        for (kind, ids) in [
            (REVOKED, self.revoked.iter().map(|id| id.uuid()).collect::<Vec<_>>()),
            (WOKEN, self.woken.iter().map(|id| id.uuid()).collect()),
        ] {
            for id in ids {
                bytes.extend([kind, 16]);
                bytes.extend(id.as_bytes());
            }
        }
        if self.gap {
            bytes.extend([GAP, 0]);
        }
        bytes
    }

    /// Who says it, and what of it is understood; `None`: nothing.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Uuid, Self)> {
        let (&VERSION, rest) = bytes.split_first()? else { return None };
        let (sender, mut rest) = rest.split_first_chunk::<16>()?;
        let mut said = Self::default();
        while let [kind, length, more @ ..] = rest {
            let (record, more) = more.split_at_checked(usize::from(*length))?;
            rest = more;
            match (*kind, record.first_chunk::<16>().map(|id| Uuid::from_bytes(*id))) {
                (HINT, Some(id)) => {
                    let sequence = i64::from_le_bytes(*record.get(16..)?.first_chunk()?);
                    said.add(&Hint { organisation_id: OrganisationId::from_uuid(id), sequence });
                }
                (REVOKED, Some(id)) => said.revoked.extend([TokenId::from_uuid(id)]),
                (WOKEN, Some(id)) => said.woken.extend([OrganisationId::from_uuid(id)]),
                (GAP, _) => said.gap = true,
                // Of a newer version.
                _ => {}
            }
        }
        rest.is_empty().then_some((Uuid::from_bytes(*sender), said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Said {
        let now = "2026-06-05T09:00:00Z".parse().unwrap();
        let mut said = Said::missed();
        for sequence in [7, i64::MAX, 3] {
            said.add(&Hint { organisation_id: OrganisationId::generate(now), sequence });
        }
        said.revoked.insert(TokenId::generate(now));
        said.woken.insert(OrganisationId::generate(now));
        said
    }

    #[test]
    fn what_is_said_is_understood() {
        let sender = Uuid::from_u128(7);
        for said in [said(), Said::default()] {
            assert_eq!(Said::decode(&said.encode(sender)), Some((sender, said)));
        }
    }

    #[test]
    fn of_an_organisation_only_the_newest_is_said() {
        let organisation_id = OrganisationId::generate("2026-06-05T09:00:00Z".parse().unwrap());
        let mut said = Said::default();
        for sequence in [2, 9, 4] {
            said.add(&Hint { organisation_id, sequence });
        }
        assert_eq!(said.hints(), [Hint { organisation_id, sequence: 9 }]);
    }

    #[test]
    fn a_record_of_a_newer_version_is_passed_over_and_another_version_is_not_understood() {
        let mut bytes = said().encode(Uuid::nil());
        bytes.extend([200, 3, 1, 2, 3]);
        bytes.extend([GAP, 2, 0, 0]);
        assert_eq!(Said::decode(&bytes), Some((Uuid::nil(), said_like(&bytes))));
        bytes[0] = 2;
        assert_eq!(Said::decode(&bytes), None);
    }

    /// What is understood of the records without those at the end.
    fn said_like(bytes: &[u8]) -> Said {
        Said::decode(&bytes[..bytes.len() - 9]).expect("as it was before").1
    }

    #[test]
    fn nonsense_is_not_understood() {
        let bytes = said().encode(Uuid::nil());
        for length in [0, 1, 16, 18, 40, bytes.len() - 1] {
            assert_eq!(Said::decode(&bytes[..length]), None, "{length}");
        }
        assert_eq!(
            Said::decode(&[[&bytes[..17]].concat(), vec![HINT, 16], vec![0; 16]].concat()),
            None,
            "a hint without a number"
        );
    }
}
