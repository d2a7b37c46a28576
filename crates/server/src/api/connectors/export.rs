//! A connection as a `.connection` file.

use serde::Serialize;
use standpipe_core::model::{Connection, Service};
use standpipe_datafile::{ConnectionFile, ConnectionKind, ConnectionParam};

/// Keywords that other servers do not read.
const OWN_KEYWORDS: [&str; 3] = ["GCS_ENDPOINT", "GCS_REGION", "S3_ENDPOINT"];

/// A connection's file, and what it does not hold.
#[derive(Debug, Serialize)]
pub(super) struct Export {
    /// The file.
    pub(super) content: String,
    warnings: Vec<Warning>,
}

/// Something to know about a file before it is used.
#[derive(Debug, Serialize)]
struct Warning {
    message: String,
    code: &'static str,
}

impl Export {
    pub(super) fn of(connection: &Connection) -> Export {
        let (mut params, mut warnings) = (Vec::new(), Vec::new());
        for (setting, value) in connection.settings.parts(connection.service) {
            let keyword = setting.keyword;
            // Braces would be read as a secret's.
            let value = match value.filter(|value| !value.contains("{{")) {
                Some(value) => value.to_owned(),
                None => {
                    let secret = secret_name(&connection.name, keyword);
                    let message = format!("the value of {keyword} is not in the file: set the secret '{secret}'");
                    warnings.push(Warning { message, code: "secret_left_out" });
                    format!("{{{{ tb_secret(\"{secret}\") }}}}")
                }
            };
            if OWN_KEYWORDS.contains(&keyword) {
                let message = format!("{keyword} is a keyword of this server's own, which others do not read");
                warnings.push(Warning { message, code: "own_keyword" });
            }
            params.push(ConnectionParam { keyword, value });
        }
        let kind = kind(connection.service);
        let file =
            ConnectionFile { name: connection.name.clone(), description: None, kind, params, warnings: Vec::new() };
        Export { content: file.to_string(), warnings }
    }
}

fn kind(service: Service) -> ConnectionKind {
    match service {
        Service::S3 | Service::S3IamRole => ConnectionKind::S3,
        Service::GcsServiceAccount | Service::GcsHmac => ConnectionKind::Gcs,
        Service::Kafka => ConnectionKind::Kafka,
    }
}

/// `<connection>_<keyword>`, of letters, digits and underscores.
fn secret_name(connection: &str, keyword: &str) -> String {
    let name = connection.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    format!("{name}_{}", keyword.to_lowercase())
}
