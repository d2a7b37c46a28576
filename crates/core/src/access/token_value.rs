//! The text of a token: `p.<base64url of {"u","id","host"}>.<signature>`, the form that clients recognise.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::SecretKey;
use crate::clock::Random;
use crate::model::{TokenId, WorkspaceId};

/// The host that stands inside a token: there is one region, this machine.
const HOST: &str = "local";

/// Makes a new value for a token. The signature covers fresh random bytes, so a refreshed token has another value.
pub fn mint_token_value(key: &SecretKey, random: &Random, workspace: WorkspaceId, id: TokenId) -> String {
    let payload = format!(r#"{{"u": "{workspace}", "id": "{id}", "host": "{HOST}"}}"#);
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let salt: [u8; 16] = random.bytes();
    let signature = key.sign(&[payload.as_bytes(), &salt].concat());
    format!("p.{payload}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The hash under which a token is found.
pub fn token_hash(value: &str) -> [u8; 32] {
    Sha256::digest(value.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_value_has_the_form_clients_expect_and_is_new_each_time() {
        let key = SecretKey::from_bytes([3; 32]);
        let mint = || mint_token_value(&key, &Random::system(), WorkspaceId(Uuid::nil()), TokenId(Uuid::nil()));
        let value = mint();
        let parts: Vec<&str> = value.split('.').collect();
        assert_eq!((parts.len(), parts[0]), (3, "p"));
        assert!(parts[1].starts_with("ey"), "the command-line clients hide tokens that match p.ey…");
        let payload: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        assert_eq!(payload["host"], "local");
        assert_ne!(value, mint());
    }
}
