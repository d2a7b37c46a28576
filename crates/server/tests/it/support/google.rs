//! A service account of tests, and what Google's store makes of the tokens that it signs.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};
use standpipe_core::Clock;

/// Keys that were made for these tests: that of the account, and another's.
pub(crate) const PRIVATE_KEY: &str = include_str!("google_test_key.pem");
pub(crate) const OTHER_PRIVATE_KEY: &str = include_str!("google_other_test_key.pem");

const ACCOUNT: &str = "sinks@tests.iam.gserviceaccount.com";
const KEY_ID: &str = "0123456789abcdef";

/// The account's key file, as its owner downloads it, for a store at this address.
pub(crate) fn key_file(base_url: &str) -> Value {
    json!({
        "type": "service_account",
        "project_id": "tests",
        "private_key_id": KEY_ID,
        "private_key": PRIVATE_KEY,
        "client_email": ACCOUNT,
        "client_id": "1",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "gcs_base_url": base_url,
    })
}

/// A request without its token, if the account signed that for now; else why not, in Google's words.
pub(super) fn admit<B>(mut request: http::Request<B>) -> Result<http::Request<B>, &'static str> {
    let bearer = request.headers_mut().remove(AUTHORIZATION);
    let bearer = bearer.as_ref().and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    check(bearer.unwrap_or_default()).ok_or("Invalid Credentials.")?;
    Ok(request)
}

fn check(token: &str) -> Option<()> {
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_key())
        .verify(message.as_bytes(), &decoded(signature)?)
        .ok()?;
    let read = |part: &str| serde_json::from_slice::<Value>(&decoded(part)?).ok();
    let (header, claims) = (read(header)?, read(claims)?);
    assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "kid": KEY_ID}));
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!(ACCOUNT), &json!(ACCOUNT)));
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/cloud-platform");
    let (from, to) = (claims["iat"].as_i64()?, claims["exp"].as_i64()?);
    assert!(from <= Clock::system().now().as_second() && to == from + 3_600, "{claims}");
    Some(())
}

fn public_key() -> Vec<u8> {
    let lines = PRIVATE_KEY.lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
    let body: String = lines.take_while(|line| !line.starts_with("-----END")).collect();
    let pair = RsaKeyPair::from_pkcs8(&BASE64_STANDARD.decode(body).unwrap()).unwrap();
    pair.public_key().as_ref().to_vec()
}
