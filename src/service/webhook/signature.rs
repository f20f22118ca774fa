//! Signatures as Standard Webhooks and Meta have them, and the secrets of channels, which are sent as they are.
//!
//! Both are HMAC-SHA-256: of Standard Webhooks over id, time and body (<https://www.standardwebhooks.com>), of Meta over the body alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::RngCore as _;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::domain::clock::Instant;

/// What a secret starts with.
const SECRET_PREFIX: &str = "whsec_";

/// How far the sender's clock and the way here may be off.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// How many signatures are looked at. A sender sends one, or two while it changes its secret.
const SIGNATURES_MAX: usize = 10;

/// What the secret of a channel starts with.
const CHANNEL_SECRET_PREFIX: &str = "wcs_";

/// What was delivered, as it came.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`: seconds since 1970.
    pub timestamp: &'a str,
    /// `webhook-signature`: one or several, with spaces between, such as `v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=`.
    pub signatures: &'a str,
    pub body: &'a [u8],
}

impl Delivery<'_> {
    /// Whether it was signed close enough to `now` that nobody kept it to send it later.
    pub(super) fn is_timely(&self, now: Instant) -> bool {
        let signed_at = self.timestamp.parse().ok().and_then(|seconds| Instant::from_timestamp(seconds, 0));
        signed_at.is_some_and(|signed_at| (now - signed_at).abs() <= TOLERANCE)
    }

    /// Whether one of the signatures is that of `secret`. The comparison takes the same time wherever they differ.
    pub(super) fn is_signed_with(&self, secret: &str) -> bool {
        let Some(expected) = mac(secret, self.id, self.timestamp, self.body) else { return false };
        let signatures = self.signatures.split(' ').take(SIGNATURES_MAX);
        let given = signatures.filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok());
        given.fold(false, |found, given| found | bool::from(given.as_slice().ct_eq(&expected)))
    }
}

/// What a webhook of ours is signed with in `webhook-signature`; `None` where `secret` is not one that [`new_secret`] makes.
pub(in crate::service) fn sign(secret: &SecretString, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let mac = mac(secret.expose_secret(), id, &timestamp.to_string(), body)?;
    Some(format!("v1,{}", STANDARD.encode(mac)))
}

/// The code of Standard Webhooks over id, time and body.
fn mac(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Option<[u8; 32]> {
    let key = secret.strip_prefix(SECRET_PREFIX).and_then(|text| STANDARD.decode(text).ok())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok().filter(|_| !key.is_empty())?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().into())
}

/// 32 bytes from the operating system's generator.
pub(in crate::service) fn new_secret() -> SecretString {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    SecretString::from(format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes)))
}

/// A secret for a channel: 32 bytes from the operating system's generator, in hexadecimal, for it becomes the value of a header.
pub(super) fn new_channel_secret() -> SecretString {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    SecretString::from(format!("{CHANNEL_SECRET_PREFIX}{}", hex::encode(bytes)))
}

/// A secret as it is kept and compared. Of texts of any length it makes what can be compared in the same time.
pub(super) fn hash(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// Whether the two are the same. The comparison takes the same time wherever they differ.
pub(super) fn is_same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.as_slice().ct_eq(other.as_slice()).into()
}

/// Whether `header`, which is `sha256=` and hexadecimal digits, is Meta's signature of the raw `body` with one of the app's secrets
/// (<https://developers.facebook.com/docs/graph-api/webhooks/getting-started#event-notifications>).
pub(super) fn is_signed_by_meta(header: &str, body: &[u8], secrets: &[SecretString]) -> bool {
    let Some(given) = header.strip_prefix("sha256=").and_then(|digits| hex::decode(digits).ok()) else { return false };
    secrets.iter().fold(false, |found, secret| {
        let expected = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).map(|mut mac| {
            mac.update(body);
            mac.finalize().into_bytes()
        });
        found | expected.is_ok_and(|expected| given.as_slice().ct_eq(&expected).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNED: Delivery<'static> = Delivery {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp: "1614265330",
        signatures: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        body: b"{\"test\": 2432232314}",
    };

    #[test]
    fn the_example_of_the_specification_is_genuine() {
        assert!(SIGNED.is_signed_with(SECRET));
        let secret = SecretString::from(SECRET);
        let signed = sign(&secret, SIGNED.id, SIGNED.timestamp.parse().unwrap(), SIGNED.body);
        assert_eq!(signed.as_deref(), Some(SIGNED.signatures), "and is what we would have sent");
        let several = format!("v1,AAAA v2,x {}", SIGNED.signatures);
        assert!(Delivery { signatures: &several, ..SIGNED }.is_signed_with(SECRET));
    }

    #[test]
    fn whatever_is_changed_is_noticed() {
        let other = new_secret();
        assert!(!SIGNED.is_signed_with(other.expose_secret()));
        for secret in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert!(!SIGNED.is_signed_with(secret), "{secret}");
        }
        assert!(!Delivery { id: "msg_x", ..SIGNED }.is_signed_with(SECRET));
        assert!(!Delivery { timestamp: "1614265331", ..SIGNED }.is_signed_with(SECRET));
        assert!(!Delivery { body: b"{\"test\": 2432232315}", ..SIGNED }.is_signed_with(SECRET));
        for signatures in ["", "v1,", "v1", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "v1,g0hM9SsE"] {
            assert!(!Delivery { signatures, ..SIGNED }.is_signed_with(SECRET), "{signatures:?}");
        }
    }

    /// Bodies and signatures of the secret `test-app-secret`, made by other hands.
    const FROM_META: [(&[u8], &str); 2] = [
        (
            br#"{"object":"whatsapp_business_account","entry":[]}"#,
            "sha256=c84a394cc475525991e78ff16e430b02e47f953877d2af0ade26956ce6f384dc",
        ),
        (br#"{"n":"caf\u00e9 \/ \u0939"}"#, "sha256=3e4393900d3bf4f196f6f8b56216f379b39b7e15a0a3cff34611565da8d3e9b5"),
    ];

    #[test]
    fn what_meta_signed_is_known_by_any_of_the_secrets_over_the_raw_bytes() {
        let secret = SecretString::from("test-app-secret");
        let other = SecretString::from("another");
        for (body, signature) in FROM_META {
            assert!(is_signed_by_meta(signature, body, std::slice::from_ref(&secret)));
            assert!(is_signed_by_meta(signature, body, &[other.clone(), secret.clone()]));
            assert!(!is_signed_by_meta(signature, body, std::slice::from_ref(&other)));
            assert!(!is_signed_by_meta(signature, body, &[]));
            assert!(!is_signed_by_meta(&signature.replace("sha256=", "sha1="), body, std::slice::from_ref(&secret)));
            for broken in ["", "sha256=", "sha256=zz", &signature[..signature.len() - 2]] {
                assert!(!is_signed_by_meta(broken, body, std::slice::from_ref(&secret)), "{broken:?}");
            }
        }
        let (body, signature) = FROM_META[1];
        let value: serde_json::Value = serde_json::from_slice(body).unwrap();
        let rewritten = value.to_string();
        assert!(!is_signed_by_meta(signature, rewritten.as_bytes(), &[secret]), "the same JSON, but other bytes");
    }

    #[test]
    fn a_delivery_is_good_for_five_minutes_either_way() {
        let at = |seconds: i64| Instant::from_timestamp(seconds, 0).unwrap();
        for (seconds, timely) in
            [(1_614_265_330 - 300, true), (1_614_265_330 + 300, true), (1_614_265_029, false), (1_614_265_631, false)]
        {
            assert_eq!(SIGNED.is_timely(at(seconds)), timely, "{seconds}");
        }
        for timestamp in ["", "soon", "1614265330.5", "9223372036854775807", "-9223372036854775808"] {
            assert!(!Delivery { timestamp, ..SIGNED }.is_timely(at(1_614_265_330)), "{timestamp:?}");
        }
    }
}
