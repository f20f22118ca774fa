//! The people that an organisation talks to.

use chrono::NaiveDate;

use super::clock::Instant;
use super::id::{CustomerId, OrganisationId};
use super::input::{BadInput, Name};
use super::metric::{Rate, engagement_score};
use super::phone::PhoneNumber;

/// The longest id that the outside world may give a customer, in characters.
pub const EXTERNAL_ID_CHARS_MAX: usize = 200;

/// A person that an organisation talks to, known to it by the telephone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    pub id: CustomerId,
    pub organisation_id: OrganisationId,
    pub phone: PhoneNumber,
    pub name: Option<String>,
    /// Whether the person signed up with the organisation.
    pub registered: bool,
    /// Whether the organisation no longer talks to the person.
    pub blocked: bool,
    /// The id that the outside world knows the person by, unique within the organisation where present.
    pub external_id: Option<String>,
    pub created_at: Instant,
}

impl Customer {
    /// Whether work for the person counts as such: signed up, and not blocked.
    pub fn is_active(&self) -> bool {
        self.registered && !self.blocked
    }
}

/// What a customer got and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Engagement {
    /// In both directions.
    pub messages: i64,
    /// How many of them the customer answered.
    pub replied: i64,
    /// The local day of the last message; `None`: there was none.
    pub last_active_on: Option<NaiveDate>,
    /// Of how many campaigns something reached the customer.
    pub campaigns_received: i64,
    /// In how many of them the customer read or answered something.
    pub campaigns_engaged: i64,
}

impl Engagement {
    /// How much the customer takes part, seen from the local day `today`.
    pub fn score(&self, today: NaiveDate) -> Rate {
        let days_since_last = self.last_active_on.map(|last| (today - last).num_days());
        let (received, engaged) = (self.campaigns_received, self.campaigns_engaged);
        engagement_score(self.messages, self.replied, days_since_last, received, engaged)
    }
}

/// A customer that is to be there: made, or changed where one with this number is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCustomer {
    pub phone: PhoneNumber,
    /// `None` leaves the name that is there.
    pub name: Option<String>,
    pub registered: bool,
    pub blocked: bool,
    /// `None` leaves the id that is there.
    pub external_id: Option<String>,
}

impl NewCustomer {
    /// What two say of the same customer, this one first: as if they had come one after the other.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        Self { name: later.name.or(self.name), external_id: later.external_id.or(self.external_id), ..later }
    }
}

/// What is said of a customer, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerDraft {
    pub phone: String,
    pub name: Option<String>,
    pub registered: bool,
    pub blocked: bool,
    pub external_id: Option<String>,
}

impl CustomerDraft {
    /// Checks it; a refusal names the field under `path`, such as `customers[3].phone`.
    pub fn check(self, path: &str) -> Result<NewCustomer, BadInput> {
        let name = self.name.map(|name| Name::parse(&format!("{path}.name"), &name)).transpose()?;
        let external_id = self.external_id.map(|id| external_id(&format!("{path}.externalId"), id)).transpose()?;
        Ok(NewCustomer {
            phone: PhoneNumber::parse(&format!("{path}.phone"), &self.phone)?,
            name: name.map(Name::into_string),
            registered: self.registered,
            blocked: self.blocked,
            external_id,
        })
    }
}

fn external_id(field: &str, text: String) -> Result<String, BadInput> {
    let fits = (1..=EXTERNAL_ID_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits {
        return Ok(text);
    }
    Err(BadInput::new(field, text, format!("expected 1 to {EXTERNAL_ID_CHARS_MAX} printable characters")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(phone: &str) -> CustomerDraft {
        CustomerDraft { phone: phone.to_owned(), name: None, registered: true, blocked: false, external_id: None }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place_in_the_list() {
        let nameless = CustomerDraft { name: Some(" ".to_owned()), ..draft("+919800000001") };
        let outside = CustomerDraft { external_id: Some("x".repeat(201)), ..draft("+919800000001") };
        for (bad, field) in [
            (draft("nobody"), "customers[3].phone"),
            (nameless, "customers[3].name"),
            (outside, "customers[3].externalId"),
        ] {
            assert_eq!(bad.check("customers[3]").unwrap_err().field, field);
        }
    }

    #[test]
    fn the_later_word_holds_and_what_it_leaves_out_stays() {
        let first = CustomerDraft { name: Some("Asha".to_owned()), blocked: true, ..draft("+919800000001") };
        let later = CustomerDraft { external_id: Some("7".to_owned()), ..draft("+919800000001") };
        let both = first.check("c").unwrap().then(later.check("c").unwrap());
        assert_eq!((both.name.as_deref(), both.external_id.as_deref(), both.blocked), (Some("Asha"), Some("7"), false));
    }
}
