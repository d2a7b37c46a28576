//! Printing of the merged configuration without its secrets.

use toml::Value;

use super::Layers;

/// Keys whose values are never printed.
const SECRETS: [(&str, &str); 3] = [("server", "admin_token"), ("engine", "password"), ("aws", "secret_access_key")];

/// The merged configuration as TOML, each secret as `********`.
pub fn print_masked(layers: &Layers) -> String {
    let mut table = layers.merged().clone();
    for (section, key) in SECRETS {
        if let Some(value) = table.get_mut(section).and_then(Value::as_table_mut).and_then(|table| table.get_mut(key)) {
            *value = Value::String("********".to_owned());
        }
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::*;

    #[test]
    fn secrets_are_masked() {
        let variables = [
            ("STANDPIPE_ADMIN_TOKEN", "top-secret-1"),
            ("STANDPIPE_ENGINE__PASSWORD", "top-secret-2"),
            ("STANDPIPE_AWS__SECRET_ACCESS_KEY", "top-secret-3"),
            ("STANDPIPE_SERVER__LISTEN", "127.0.0.1:1"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let layers = Layers::defaults().environment(variables).unwrap();
        let text = print_masked(&layers);
        assert!(!text.contains("top-secret") && text.matches("\"********\"").count() == 3, "{text}");
        assert!(text.contains("listen = \"127.0.0.1:1\""), "{text}");
        // What is not a secret in its type may be printed; what is, must be in the list.
        let debug = format!("{:?}", layers.config().unwrap());
        assert_eq!(debug.matches("REDACTED").count(), SECRETS.len(), "{debug}");
    }

    #[test]
    fn what_is_printed_is_a_configuration() {
        let printed: Table = print_masked(&Layers::defaults()).parse().unwrap();
        assert_eq!(&printed, Layers::defaults().merged());
    }
}
