//! Who is calling, and what they reach.

use std::sync::Arc;

use super::ServiceError;
use crate::domain::id::{OrganisationId, TokenId};
use crate::domain::input::BadInput;
use crate::domain::token::{Token, TokenScope};

/// Who is calling.
#[derive(Debug, Clone)]
pub struct Caller {
    who: Who,
    /// The organisation that is meant where none is named; only of who belongs to none.
    usual: Option<OrganisationId>,
}

#[derive(Debug, Clone)]
enum Who {
    Token(Arc<Token>),
    CommandLine,
}

impl Caller {
    /// The person at the machine itself, who may do everything.
    pub const fn command_line() -> Self {
        Self { who: Who::CommandLine, usual: None }
    }

    /// Whoever holds `token`.
    pub fn of(token: Token) -> Self {
        Self { who: Who::Token(Arc::new(token)), usual: None }
    }

    /// The same caller, who means `organisation` where they name none. Who belongs to another one may not.
    pub fn meaning(mut self, organisation: OrganisationId) -> Result<Self, ServiceError> {
        match self.organisation_id() {
            None => self.usual = Some(organisation),
            Some(own) if own == organisation => {}
            Some(_) => return Err(ServiceError::Forbidden("this token is of another organisation".to_owned())),
        }
        Ok(self)
    }

    /// The organisation that is meant where none is named: the caller's own, or the one that an admin chose for all of a request.
    pub fn usual_organisation(&self) -> Option<OrganisationId> {
        self.organisation_id().or(self.usual)
    }

    /// The caller's token; `None`: the command line.
    pub fn token(&self) -> Option<&Token> {
        match &self.who {
            Who::Token(token) => Some(token),
            Who::CommandLine => None,
        }
    }

    pub(crate) fn token_id(&self) -> Option<TokenId> {
        self.token().map(|token| token.id)
    }

    pub(crate) fn name(&self) -> &str {
        self.token().map_or("command line", |token| token.name.as_str())
    }

    /// The one organisation that the caller belongs to; `None`: to none, and so reaches all.
    pub fn organisation_id(&self) -> Option<OrganisationId> {
        self.token().and_then(|token| token.organisation_id)
    }

    fn has(&self, scope: TokenScope) -> bool {
        self.token().is_none_or(|token| token.scopes.contains(&scope))
    }

    /// Belongs to no organisation, and so sees them all.
    pub fn is_admin(&self) -> bool {
        self.organisation_id().is_none() && (self.has(TokenScope::Read) || self.has(TokenScope::Admin))
    }

    /// May read; `ADMIN` includes `READ`.
    pub fn require_read(&self) -> Result<(), ServiceError> {
        if self.has(TokenScope::Read) || self.has(TokenScope::Admin) {
            return Ok(());
        }
        Err(ServiceError::Forbidden("this needs a token with the scope READ".to_owned()))
    }

    /// May read what belongs to no single organisation.
    pub fn require_admin_read(&self) -> Result<(), ServiceError> {
        if self.is_admin() {
            return Ok(());
        }
        Err(ServiceError::Forbidden("this needs an admin token".to_owned()))
    }

    /// May administrate.
    pub fn require_admin(&self) -> Result<(), ServiceError> {
        if self.organisation_id().is_none() && self.has(TokenScope::Admin) {
            return Ok(());
        }
        Err(ServiceError::Forbidden("this needs an admin token with the scope ADMIN".to_owned()))
    }

    /// May record usage, and tell of customers.
    pub fn require_record(&self) -> Result<(), ServiceError> {
        if self.has(TokenScope::Record) {
            return Ok(());
        }
        Err(ServiceError::Forbidden("this needs a token with the scope RECORD".to_owned()))
    }

    /// May say where an organisation's webhooks go: with the scope RECORD, or as an admin.
    pub fn require_hooks(&self) -> Result<(), ServiceError> {
        if self.has(TokenScope::Record) || self.has(TokenScope::Admin) {
            return Ok(());
        }
        Err(ServiceError::Forbidden("this needs a token with the scope RECORD, or an admin token".to_owned()))
    }

    /// The organisation that is meant: the caller's own where none is named. Another than one's own is as if it did not exist.
    pub fn reach(&self, named: Option<OrganisationId>) -> Result<OrganisationId, ServiceError> {
        self.require_read()?;
        self.named(named)
    }

    /// The same for a caller who records, and need not read.
    pub fn reach_to_record(&self, named: Option<OrganisationId>) -> Result<OrganisationId, ServiceError> {
        self.require_record()?;
        self.named(named)
    }

    /// The same for a caller who says where webhooks go, and need not read.
    pub fn reach_for_hooks(&self, named: Option<OrganisationId>) -> Result<OrganisationId, ServiceError> {
        self.require_hooks()?;
        self.named(named)
    }

    fn named(&self, named: Option<OrganisationId>) -> Result<OrganisationId, ServiceError> {
        match (self.organisation_id(), named) {
            (Some(own), None) => Ok(own),
            (Some(own), Some(named)) if own == named => Ok(own),
            (Some(_), Some(_)) => Err(ServiceError::NotFound("organisation")),
            (None, named) => named.or(self.usual).ok_or_else(|| {
                let accepted = "expected an organisation's id, because an admin token belongs to none";
                BadInput::new("organisationId", "null", accepted).into()
            }),
        }
    }

    /// Whether what belongs to `organisation` may be shown.
    pub fn may_see(&self, organisation: OrganisationId) -> bool {
        self.organisation_id().is_none_or(|own| own == organisation)
    }
}
