//! Shards: the parts in which nodes share the organisations between them.

use super::id::OrganisationId;

/// How many there are. Nodes lease whole shards, so this is also how many nodes can have work at the same time.
pub const SHARDS: u16 = 1_024;

/// One of the parts: `0..SHARDS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u16);

impl Shard {
    /// The shard that an organisation is in, for ever: the last ten bits of its id, which are random.
    pub fn of(organisation: OrganisationId) -> Self {
        let [.., high, low] = organisation.uuid().into_bytes();
        Self(u16::from_be_bytes([high, low]) % SHARDS)
    }

    /// `None`: there is no such shard.
    pub fn new(number: i32) -> Option<Self> {
        u16::try_from(number).ok().filter(|number| *number < SHARDS).map(Self)
    }

    /// For a row.
    pub fn number(self) -> i32 {
        i32::from(self.0)
    }

    /// Every shard.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS).map(Self)
    }
}

/// The fencing token of a shard's lease: each owner's is greater than those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub i64);

/// That a shard is held, from one change of owner to the next: what is written for its organisations is written under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    pub shard: Shard,
    pub epoch: Epoch,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisation_is_in_the_shard_of_the_last_ten_bits_of_its_id() {
        for (id, number) in [
            ("org_0192b7c0f0007000800000000000000a", 10),
            ("org_0192b7c0f00070008000000000000400", 0),
            ("org_0192b7c0f0007000800000000000ffff", 1_023),
        ] {
            let organisation = OrganisationId::parse("id", id).unwrap();
            assert_eq!(Shard::of(organisation).number(), number, "{id}");
        }
    }

    #[test]
    fn organisations_are_spread_over_all_shards() {
        let now = "2026-06-05T09:00:00Z".parse().unwrap();
        let mut counts = vec![0; usize::from(SHARDS)];
        for _ in 0..100 * u32::from(SHARDS) {
            counts[usize::from(Shard::of(OrganisationId::generate(now)).0)] += 1;
        }
        assert!(counts.iter().all(|count| (30..200).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_number_that_is_no_shard_is_none() {
        assert_eq!(Shard::new(0).map(Shard::number), Some(0));
        assert_eq!(Shard::new(1_023), Shard::all().last());
        assert_eq!((Shard::new(-1), Shard::new(1_024)), (None, None));
    }
}
