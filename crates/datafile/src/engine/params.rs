//! Engine options from `(key, value)` pairs, and back to them.

use super::arguments::column_name;
use super::{Engine, EngineError, EngineName, settings};
use crate::scan;

/// An option: its key, where it lives, and the engines that have it.
struct Param {
    key: &'static str,
    field: fn(&mut Engine) -> &mut Option<String>,
    value: for<'a> fn(&'a Engine) -> &'a Option<String>,
    engines: Engines,
}

enum Engines {
    AllMergeTrees,
    Only(&'static [EngineName]),
}

macro_rules! param {
    ($key:literal, $field:ident, $engines:expr) => {
        Param { key: $key, field: |engine| &mut engine.$field, value: |engine| &engine.$field, engines: $engines }
    };
}

const PARAMS: [Param; 11] = [
    param!("engine_sorting_key", sorting_key, Engines::AllMergeTrees),
    param!("engine_partition_key", partition_key, Engines::AllMergeTrees),
    param!("engine_primary_key", primary_key, Engines::AllMergeTrees),
    param!("engine_sampling_key", sampling_key, Engines::AllMergeTrees),
    param!("engine_ttl", ttl, Engines::AllMergeTrees),
    param!("engine_settings", settings, Engines::AllMergeTrees),
    param!("engine_ver", ver, Engines::Only(&[EngineName::ReplacingMergeTree])),
    param!("engine_is_deleted", is_deleted, Engines::Only(&[EngineName::ReplacingMergeTree])),
    param!(
        "engine_sign",
        sign,
        Engines::Only(&[EngineName::CollapsingMergeTree, EngineName::VersionedCollapsingMergeTree])
    ),
    param!("engine_version", version, Engines::Only(&[EngineName::VersionedCollapsingMergeTree])),
    param!("engine_columns", columns, Engines::Only(&[EngineName::SummingMergeTree])),
];

/// Second spellings of options.
const ALIASES: [(&str, &str); 1] = [("engine_summing_columns", "engine_columns")];

impl Engine {
    /// Builds an engine from its name (`None`: `MergeTree`) and options. Keys are read in any case; keys that do not start
    /// with `engine_` are left alone, so that a whole form can be passed. Empty values count as absent.
    ///
    /// # Errors
    /// An unknown engine or option, an option the engine does not have or has twice, a missing mandatory one, or a value
    /// that is not an expression.
    pub fn from_params<'a>(
        engine: Option<&str>,
        params: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Engine, EngineError> {
        let name = match engine.map(str::trim) {
            None | Some("") => EngineName::default(),
            Some(text) => text.parse()?,
        };
        let mut built = Engine { name, ..Engine::default() };
        for (key, value) in params {
            let key = key.to_ascii_lowercase();
            if key.starts_with("engine_") {
                built.set(&key, value.trim())?;
            }
        }
        built.check_mandatory()?;
        Ok(built)
    }

    /// The options that are set, as `("engine_sorting_key", "id, ts")`.
    pub fn params(&self) -> impl Iterator<Item = (&'static str, &str)> {
        PARAMS.iter().filter_map(|param| Some((param.key, (param.value)(self).as_deref()?)))
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), EngineError> {
        let canonical = ALIASES.iter().find(|(alias, _)| *alias == key).map_or(key, |(_, canonical)| canonical);
        let Some(param) = PARAMS.iter().find(|param| param.key == canonical) else {
            return Err(EngineError::new("engine", format!("\"{key}\" is not an engine option")).hint(format!(
                "Engine options are {}.",
                PARAMS.iter().map(|param| param.key).collect::<Vec<_>>().join(", ")
            )));
        };
        if value.is_empty() {
            return Ok(());
        }
        if !param.belongs_to(self.name) {
            let message = format!("engine {} has no option {}", self.name, param.key);
            return Err(EngineError::new(param.key, message).hint("Remove it, or choose the engine that has it."));
        }
        check_value(param.key, value)
            .map_err(|reason| EngineError::new(param.key, format!("cannot use {} \"{value}\": {reason}", param.key)))?;
        if (param.field)(self).replace(value.to_owned()).is_some() {
            return Err(EngineError::new(param.key, format!("{} is given twice", param.key)));
        }
        Ok(())
    }

    fn check_mandatory(&self) -> Result<(), EngineError> {
        let sorted = self.sorting_key.as_ref().filter(|key| *key != "tuple()");
        let mandatory: &[(&'static str, bool)] = match self.name {
            EngineName::ReplacingMergeTree => &[("engine_sorting_key", sorted.is_some())],
            EngineName::CollapsingMergeTree => {
                &[("engine_sorting_key", sorted.is_some()), ("engine_sign", self.sign.is_some())]
            }
            EngineName::VersionedCollapsingMergeTree => &[
                ("engine_sorting_key", sorted.is_some()),
                ("engine_sign", self.sign.is_some()),
                ("engine_version", self.version.is_some()),
            ],
            _ => &[],
        };
        if let Some((missing, _)) = mandatory.iter().find(|(_, present)| !present) {
            return Err(EngineError::new(missing, format!("{} needs {missing}", self.name)));
        }
        if self.is_deleted.is_some() && self.ver.is_none() {
            return Err(EngineError::new("engine_is_deleted", "engine_is_deleted works only together with engine_ver"));
        }
        Ok(())
    }
}

impl Param {
    fn belongs_to(&self, engine: EngineName) -> bool {
        match self.engines {
            Engines::AllMergeTrees => engine != EngineName::Null,
            Engines::Only(engines) => engines.contains(&engine),
        }
    }
}

fn check_value(key: &str, value: &str) -> Result<(), String> {
    scan::check_expression(value).map_err(|fault| fault.message)?;
    match key {
        "engine_settings" => settings::read(value).map(|_| ()),
        "engine_ver" | "engine_is_deleted" | "engine_sign" | "engine_version" => column_name(value).map(|_| ()),
        "engine_columns" => scan::split_list(value).into_iter().try_for_each(|name| column_name(name).map(|_| ())),
        _ if scan::split_list(value).contains(&"") => Err("a comma has nothing on one side".to_owned()),
        _ => Ok(()),
    }
}
