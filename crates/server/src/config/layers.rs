//! Merging of the layers, and the errors that name the layer at fault.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::Config;

/// The defaults, embedded in the program.
const DEFAULTS: &str = include_str!("../../config.default.toml");

/// Environment variables without `__` in their names that stand for a key.
const ALIASES: [(&str, &str); 3] = [
    ("STANDPIPE_ADMIN_TOKEN", "server.admin_token"),
    ("STANDPIPE_SECRET_KEY_FILE", "server.secret_key_file"),
    ("STANDPIPE_LIBCHDB", "engine.library"),
];

/// Why the configuration cannot be used, and which layer is to blame.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the configuration file '{}'", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A layer is not TOML, has an unknown key, or a value of the wrong kind.
    #[error("cannot use {layer}: {message}")]
    Layer {
        /// Which layer, as its user knows it.
        layer: String,
        /// What is wrong with it, on one or several lines.
        message: String,
    },
}

/// The layers merged so far. Each is checked as it is added, so that an error can name it.
#[derive(Debug, Clone)]
pub struct Layers {
    merged: Table,
}

impl Layers {
    /// The embedded defaults.
    pub fn defaults() -> Self {
        Layers { merged: DEFAULTS.parse().expect("the embedded defaults are TOML, as a test shows") }
    }

    /// Adds a TOML file.
    ///
    /// # Errors
    /// When it cannot be read, is not TOML, or has a key or value that does not belong.
    pub fn file(self, path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        self.text(&text, &format!("the configuration file '{}'", path.display()))
    }

    /// Adds the environment: aliases, and every variable named `STANDPIPE_<SECTION>__<KEY>`.
    ///
    /// # Errors
    /// When a variable names no key or has a value of the wrong kind.
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, Error> {
        for (name, value) in variables {
            let alias = ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, key)| (*key).to_owned());
            let spelled = || Some(name.strip_prefix("STANDPIPE_")?.to_lowercase()).filter(|key| key.contains("__"));
            let Some(key) = alias.or_else(|| spelled().map(|key| key.replace("__", "."))) else { continue };
            self = self.value(&key, &value, &format!("the environment variable '{name}'"))?;
        }
        Ok(self)
    }

    /// Adds this process's environment; see [`Layers::environment`].
    ///
    /// # Errors
    /// As [`Layers::environment`].
    pub fn process_environment(self) -> Result<Self, Error> {
        // A variable that is not text cannot be one of ours.
        let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        self.environment(std::env::vars_os().filter_map(text))
    }

    /// Sets one key from text, as a flag does; `layer` names the flag in errors.
    ///
    /// # Errors
    /// When the key does not exist or the value is of the wrong kind.
    pub fn value(mut self, key: &str, text: &str, layer: &str) -> Result<Self, Error> {
        let unknown = || Error::Layer { layer: layer.to_owned(), message: format!("there is no key '{key}'") };
        let (sections, name) = key.rsplit_once('.').ok_or_else(unknown)?;
        let mut table = &mut self.merged;
        for section in sections.split('.') {
            table = table.get_mut(section).and_then(Value::as_table_mut).ok_or_else(unknown)?;
        }
        // The default's kind decides how the text is read; "12" is a number for one key and a password for another.
        let value = match table.get(name) {
            Some(Value::Integer(_)) => {
                text.parse().map(Value::Integer).unwrap_or_else(|_| Value::String(text.to_owned()))
            }
            Some(Value::Boolean(_)) => {
                text.parse().map(Value::Boolean).unwrap_or_else(|_| Value::String(text.to_owned()))
            }
            _ => Value::String(text.to_owned()),
        };
        table.insert(name.to_owned(), value);
        self.checked(layer)
    }

    /// The configuration that the layers make.
    ///
    /// # Errors
    /// Only what adding the layers did not catch, which is nothing.
    pub fn config(&self) -> Result<Config, Error> {
        self.read("the configuration")
    }

    /// The merged keys, secrets included: never print it but by [`super::print_masked`].
    pub(super) fn merged(&self) -> &Table {
        &self.merged
    }

    fn text(mut self, text: &str, layer: &str) -> Result<Self, Error> {
        let table: Table = text.parse().map_err(|error| to_layer_error(layer, &error))?;
        merge(&mut self.merged, table);
        self.checked(layer)
    }

    fn checked(self, layer: &str) -> Result<Self, Error> {
        self.read(layer)?;
        Ok(self)
    }

    fn read(&self, layer: &str) -> Result<Config, Error> {
        Value::Table(self.merged.clone()).try_into().map_err(|error| to_layer_error(layer, &error))
    }
}

fn to_layer_error(layer: &str, error: &toml::de::Error) -> Error {
    Error::Layer { layer: layer.to_owned(), message: error.to_string().trim_end().to_owned() }
}

/// Puts `upper` over `lower`: tables merge key by key, everything else replaces.
fn merge(lower: &mut Table, upper: Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(Value::Table(lower)), Value::Table(upper)) => merge(lower, upper),
            (_, value) => {
                lower.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use standpipe_core::service_data::ServiceTable;

    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Result<Layers, Error> {
        Layers::defaults().environment(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn the_defaults_are_a_whole_configuration() {
        let config = Layers::defaults().config().unwrap();
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:7181");
        assert_eq!(config.engine.lanes.read.threads.get(), 12);
        let days = ServiceTable::ALL.map(|table| config.service_data.days.contains_key(&table));
        assert_eq!(days, [true; ServiceTable::ALL.len()], "every table of service data is listed");
        assert!(config.engine.url.is_none() && config.server.admin_token.is_none());
    }

    #[test]
    fn every_commented_key_exists() {
        // A commented key is "# name = value"; uncommented, the file must still be a configuration.
        let text: String = DEFAULTS
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(key) if key.split_once(" = ").is_some_and(|(name, _)| !name.contains(' ')) => format!("{key}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        assert_ne!(text, DEFAULTS);
        let config = Layers::defaults().text(&text, "the file").unwrap().config().unwrap();
        assert_eq!(config.engine.url.as_deref(), Some("http://clickhouse:8123"));
        assert!(config.engine.password.is_some() && config.server.secret_key_file.is_some());
    }

    #[test]
    fn later_layers_win() {
        let file = "[server]\nlisten = '0.0.0.0:1'\ndata = '/file'\n[engine.lanes.read]\nthreads = 3\nqueue = 4\n";
        let config = Layers::defaults()
            .text(file, "the file")
            .unwrap()
            .environment([("STANDPIPE_SERVER__DATA".to_owned(), "/env".to_owned())])
            .unwrap()
            .value("server.listen", "[::1]:9", "--listen")
            .unwrap()
            .config()
            .unwrap();
        assert_eq!(config.server.listen.to_string(), "[::1]:9");
        assert_eq!(config.server.data, Path::new("/env"));
        assert_eq!(config.engine.lanes.read.threads.get(), 3);
        assert_eq!(config.engine.lanes.insert.threads.get(), 2);
    }

    #[test]
    fn variables_take_the_kind_of_their_key() {
        let config = environment(&[
            ("STANDPIPE_ENGINE__LANES__READ__THREADS", "5"),
            ("STANDPIPE_ENGINE__MEMORY", "2 GiB"),
            ("STANDPIPE_ENGINE__PASSWORD", "12"),
            ("STANDPIPE_LIBCHDB", "/opt/libchdb.so"),
            ("STANDPIPE_HOME", "nothing of ours"),
            ("PATH", "/bin"),
        ])
        .unwrap()
        .config()
        .unwrap();
        assert_eq!(config.engine.lanes.read.threads.get(), 5);
        assert_eq!(config.engine.memory.bytes, 2 << 30);
        assert_eq!(config.engine.password.unwrap().expose_secret(), "12");
        assert_eq!(config.engine.library.unwrap(), Path::new("/opt/libchdb.so"));
    }

    #[test]
    fn errors_name_the_layer_and_the_key() {
        let message = |layers: Result<Layers, Error>| layers.unwrap_err().to_string();
        let text = message(environment(&[("STANDPIPE_SERVER__LISTEM", "x")]));
        assert!(text.starts_with("cannot use the environment variable 'STANDPIPE_SERVER__LISTEM': "), "{text}");
        assert!(text.contains("unknown field `listem`"), "{text}");
        let text = message(environment(&[("STANDPIPE_NO__WHERE", "x")]));
        assert!(text.ends_with("there is no key 'no.where'"), "{text}");
        let text = message(environment(&[("STANDPIPE_ENGINE__LANES__READ__THREADS", "0")]));
        assert!(text.contains("THREADS'") && text.contains("zero"), "{text}");
        let text = message(Layers::defaults().text("[log]\nlevel = 1\n", "the file 'a.toml'"));
        assert!(text.starts_with("cannot use the file 'a.toml': ") && text.contains("level"), "{text}");
        let text = message(Layers::defaults().file(Path::new("/nowhere.toml")));
        assert_eq!(text, "cannot read the configuration file '/nowhere.toml'");
    }
}
