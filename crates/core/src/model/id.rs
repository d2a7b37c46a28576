//! Ids: `t_` and 32 hexadecimal digits for data sources, pipes and nodes; UUIDs for workspaces, tokens and jobs.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Random;

macro_rules! resource_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// A new random id.
            pub fn random(random: &Random) -> Self {
                Self(random.uuid().as_u128())
            }

            /// Reads `t_<32 hex>`, and the decorated form `t_some_readable_words.<32 hex>` that the Pipes API documents.
            /// Anything else is not an id (it may be a name).
            pub fn parse(text: &str) -> Option<Self> {
                parse_resource_id(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "t_{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("'{text}' is no id")))
            }
        }
    };
}

resource_id! {
    /// The immutable id of a data source.
    DataSourceId
}
resource_id! {
    /// The immutable id of a pipe.
    PipeId
}
resource_id! {
    /// The immutable id of a node of a pipe.
    NodeId
}

fn parse_resource_id(text: &str) -> Option<u128> {
    let rest = text.strip_prefix("t_")?;
    let hex = rest.rsplit_once('.').map_or(rest, |(_, hex)| hex);
    let is_hex = hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if is_hex { u128::from_str_radix(hex, 16).ok() } else { None }
}

/// The id of a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkspaceId(pub Uuid);

impl fmt::Display for WorkspaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The id of a token: what stands in the token's own text, never its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(pub Uuid);

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The id of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnectionId(pub Uuid);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The id of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub Uuid);

impl JobId {
    /// Reads a UUID.
    pub fn parse(text: &str) -> Option<JobId> {
        Uuid::try_parse(text).ok().map(JobId)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_plain_and_decorated() {
        let plain = PipeId::parse("t_bd1c62b5e67142bd9bf9a7f113a2b6ea").unwrap();
        assert_eq!(plain.to_string(), "t_bd1c62b5e67142bd9bf9a7f113a2b6ea");
        assert_eq!(PipeId::parse("t_my_events_table.bd1c62b5e67142bd9bf9a7f113a2b6ea"), Some(plain));
        for not_an_id in [
            "",
            "t_",
            "events",
            "t_bd1c62b5",
            "t_BD1C62B5E67142BD9BF9A7F113A2B6EA",
            "x_bd1c62b5e67142bd9bf9a7f113a2b6ea",
        ] {
            assert_eq!(PipeId::parse(not_an_id), None, "{not_an_id}");
        }
    }

    #[test]
    fn a_new_id_reads_back() {
        let id = NodeId::random(&Random::system());
        assert_eq!(NodeId::parse(&id.to_string()), Some(id));
    }
}
