//! BSP credentials and webhook secrets at rest: sealed with an AEAD under a key from the environment, opened only to make a call.
//!
//! A sealed text is `key id (4 bytes) || nonce (24 bytes) || XChaCha20-Poly1305 ciphertext`, bound to what it belongs to by the
//! associated data. The key id is the start of the key's SHA-256, so that several keys may be in use while they are rotated.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, AeadCore as _, KeyInit as _, OsRng, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::domain::id::{ChannelId, EndpointId, OrganisationId};
use crate::store::channel::SealedCredentials;
use crate::store::webhook_secret::SealedSecret;

const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;

/// What a `MASTER_KEY` setting did not have.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected 32 random bytes in base64 (or several, with commas; the first one seals), such as `openssl rand -base64 32` prints"
)]
pub struct MasterKeyError;

/// The keys that credentials are sealed with; the first one seals, all of them open.
pub struct MasterKeys {
    keys: Vec<([u8; KEY_ID_BYTES], XChaCha20Poly1305)>,
}

impl std::fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<_> = self.keys.iter().map(|(id, _)| hex::encode(id)).collect();
        f.debug_struct("MasterKeys").field("ids", &ids).finish()
    }
}

/// Why a sealed text was not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("sealed with the master key {0}, which is not among the configured ones")]
    UnknownKey(String),
    #[error("the sealed credentials are damaged")]
    Damaged,
}

impl MasterKeys {
    /// Reads one or several keys, with commas between.
    pub fn parse(text: &SecretString) -> Result<Self, MasterKeyError> {
        let keys = text.expose_secret().split(',').map(|key| Self::key(key.trim())).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { keys })
    }

    fn key(text: &str) -> Result<([u8; KEY_ID_BYTES], XChaCha20Poly1305), MasterKeyError> {
        let bytes = STANDARD.decode(text).map_err(|_| MasterKeyError)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| MasterKeyError)?;
        let digest = Sha256::digest(bytes);
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        Ok((id, XChaCha20Poly1305::new(Key::from_slice(&bytes))))
    }

    /// A key for one process's life.
    pub fn ephemeral() -> Self {
        let key = XChaCha20Poly1305::generate_key(&mut OsRng);
        Self { keys: vec![([0; KEY_ID_BYTES], XChaCha20Poly1305::new(&key))] }
    }

    /// Seals the credentials of a channel.
    pub(crate) fn seal(&self, channel: ChannelId, secret: &SecretString) -> SealedCredentials {
        SealedCredentials(self.seal_for(channel.uuid().as_bytes(), secret))
    }

    /// Opens what was sealed for the same channel.
    pub(crate) fn open(&self, channel: ChannelId, sealed: &SealedCredentials) -> Result<SecretString, OpenError> {
        self.open_for(channel.uuid().as_bytes(), &sealed.0)
    }

    /// Seals the secret that an organisation's webhooks in are signed with.
    pub(crate) fn seal_webhook_secret(&self, organisation: OrganisationId, secret: &SecretString) -> SealedSecret {
        SealedSecret(self.seal_for(&webhook_owner(organisation), secret))
    }

    /// Opens what was sealed for the webhooks of the same organisation.
    pub(crate) fn open_webhook_secret(
        &self,
        organisation: OrganisationId,
        sealed: &SealedSecret,
    ) -> Result<SecretString, OpenError> {
        self.open_for(&webhook_owner(organisation), &sealed.0)
    }

    /// Seals the secret that webhooks out to an address are signed with.
    pub(crate) fn seal_hook_secret(&self, endpoint: EndpointId, secret: &SecretString) -> SealedSecret {
        SealedSecret(self.seal_for(&hook_owner(endpoint), secret))
    }

    /// Opens what was sealed for webhooks out to the same address.
    pub(crate) fn open_hook_secret(
        &self,
        endpoint: EndpointId,
        sealed: &SealedSecret,
    ) -> Result<SecretString, OpenError> {
        self.open_for(&hook_owner(endpoint), &sealed.0)
    }

    fn seal_for(&self, owner: &[u8], secret: &SecretString) -> Vec<u8> {
        let (id, cipher) = &self.keys[0];
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: owner };
        let sealed = cipher.encrypt(&nonce, payload).expect("secrets are far below the cipher's limit of 256 GiB");
        [id.as_slice(), nonce.as_slice(), &sealed].concat()
    }

    fn open_for(&self, owner: &[u8], sealed: &[u8]) -> Result<SecretString, OpenError> {
        let (id, rest) = sealed.split_at_checked(KEY_ID_BYTES).ok_or(OpenError::Damaged)?;
        let (nonce, text) = rest.split_at_checked(NONCE_BYTES).ok_or(OpenError::Damaged)?;
        let cipher = self.keys.iter().find(|(key, _)| key == id).map(|(_, cipher)| cipher);
        let cipher = cipher.ok_or_else(|| OpenError::UnknownKey(hex::encode(id)))?;
        let plain = cipher.decrypt(XNonce::from_slice(nonce), Payload { msg: text, aad: owner });
        let plain = plain.map_err(|_| OpenError::Damaged)?;
        String::from_utf8(plain).map(SecretString::from).map_err(|_| OpenError::Damaged)
    }
}

/// An organisation may come to own other secrets.
fn webhook_owner(organisation: OrganisationId) -> Vec<u8> {
    [b"webhook", organisation.uuid().as_bytes().as_slice()].concat()
}

/// No id of another kind must open it, though ids are as good as never alike.
fn hook_owner(endpoint: EndpointId) -> Vec<u8> {
    [b"hook", endpoint.uuid().as_bytes().as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel() -> ChannelId {
        ChannelId::generate("2026-06-05T09:00:00Z".parse().unwrap())
    }

    fn keys(text: &str) -> MasterKeys {
        MasterKeys::parse(&SecretString::from(text)).unwrap()
    }

    const OLD: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const NEW: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    #[test]
    fn what_is_sealed_opens_for_its_own_channel_only() {
        let (keys, mine, other) = (keys(OLD), channel(), channel());
        let sealed = keys.seal(mine, &SecretString::from("sk_1"));
        assert!(!sealed.0.windows(4).any(|window| window == b"sk_1"));
        assert_eq!(keys.open(mine, &sealed).unwrap().expose_secret(), "sk_1");
        assert!(matches!(keys.open(other, &sealed), Err(OpenError::Damaged)));
        assert!(matches!(keys.open(mine, &SealedCredentials(vec![1, 2])), Err(OpenError::Damaged)));
    }

    #[test]
    fn a_webhook_secret_opens_for_its_own_organisation_only() {
        let now = "2026-06-05T09:00:00Z".parse().unwrap();
        let (keys, mine, other) = (keys(OLD), OrganisationId::generate(now), OrganisationId::generate(now));
        let sealed = keys.seal_webhook_secret(mine, &SecretString::from("whsec_1"));
        assert_eq!(keys.open_webhook_secret(mine, &sealed).unwrap().expose_secret(), "whsec_1");
        assert!(matches!(keys.open_webhook_secret(other, &sealed), Err(OpenError::Damaged)));
    }

    #[test]
    fn a_rotated_key_still_opens_until_it_is_taken_out() {
        let id = channel();
        let sealed = keys(OLD).seal(id, &SecretString::from("sk_1"));
        assert!(keys(&format!("{NEW}, {OLD}")).open(id, &sealed).is_ok());
        assert!(matches!(keys(NEW).open(id, &sealed), Err(OpenError::UnknownKey(_))));
        for bad in ["", "abc", "AAAA"] {
            assert!(MasterKeys::parse(&SecretString::from(bad)).is_err(), "{bad}");
        }
    }
}
