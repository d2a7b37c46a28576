//! Keys of Google's service accounts, as their owners download them.

use object_store::gcp::ServiceAccountKey;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The setting that holds such a key.
pub(super) const SETTING: &str = "gcs_service_account_credentials_json";

/// What a key file says beside the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccountKey {
    /// Where the store is, if not at Google: `gcs_base_url`, which emulators' keys have.
    pub(super) base_url: Option<String>,
}

impl AccountKey {
    /// Reads a key file.
    ///
    /// Errors: it is no JSON object, a member that requests are signed with is missing, its private key is none.
    pub(super) fn read(text: &str) -> Result<AccountKey> {
        let Ok(members) = serde_json::from_str::<Map<String, Value>>(text) else {
            return Err(Error::bad_request(format!("{SETTING} is no JSON object: send the key file")));
        };
        // An emulator may ask for no signatures; even so its keys have all members.
        let is_unsigned = members.get("disable_oauth") == Some(&Value::Bool(true));
        let needed = |name: &str| {
            let text = members.get(name).and_then(Value::as_str);
            text.filter(|text| is_unsigned || !text.trim().is_empty()).ok_or_else(|| {
                Error::bad_request(format!("{SETTING} has no {name}: send the key file of a service account, as it is"))
            })
        };
        needed("client_email")?;
        needed("private_key_id")?;
        let private_key = needed("private_key")?;
        if !is_unsigned && ServiceAccountKey::from_pem(private_key.as_bytes()).is_err() {
            return Err(Error::bad_request(format!(
                "private_key in {SETTING} is no private RSA key in PEM form: send the key file of a service account, as \
                 it is, with the line breaks of its key"
            )));
        }
        let base_url = match members.get("gcs_base_url") {
            None | Some(Value::Null) => None,
            Some(Value::String(url)) => Some(url.clone()),
            Some(_) => return Err(Error::bad_request(format!("gcs_base_url in {SETTING} is no text"))),
        };
        Ok(AccountKey { base_url })
    }
}
