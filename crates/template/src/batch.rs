//! `render --batch`: one JSON object in, one out.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::error::{Error, ErrorClass};
use crate::metadata::{self, Parameter};
use crate::names::{self, UsedName};
use crate::params::{Data, Params};
use crate::py::json;
use crate::settings::Settings;
use crate::template::{CompileOptions, RenderContext, Rendered, Secrets, Template};

/// One request: the fields of an input line. Absent fields may be missing or null.
struct Request {
    id: Option<Data>,
    template: String,
    params: Params,
    test_mode: bool,
    secrets: SecretNames,
    secrets_in_test_mode: bool,
    node: Option<String>,
    escape_arrays: bool,
    job_timestamp: Option<String>,
}

/// Secrets known by name.
#[derive(Default)]
struct SecretNames(BTreeSet<String>);

impl Secrets for SecretNames {
    fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// Everything an output line says.
#[derive(Default)]
struct Answer {
    id: Option<Data>,
    outcome: Option<Result<Rendered, Error>>,
    parameters: Option<Result<Vec<Parameter>, Error>>,
    used_names: Option<Vec<UsedName>>,
    used_tables: Vec<String>,
    write_error: Option<Error>,
    template_params: Vec<String>,
}

/// Handles one line: an object with `template`, and optionally `params`, `test_mode`, `secrets`,
/// `secrets_in_test_mode`, `name`, `escape_arrays`, `job_timestamp` and `id`.
///
/// The answer is an object with `result`, or `error` and `error_type`; and with `param_meta`, `used_names` and
/// `settings`, and whatever else applies: `ch_params`, `template_params`, `warnings`, `used_tables`, `write_error`,
/// `error_code` and `error_arg` of a custom error, `param_meta_error`. A line that cannot be read gives an `error` with
/// the type `InputError`.
pub fn line(input: &str) -> String {
    match read(input) {
        Ok(request) => write(&answer(request)),
        Err(message) => write(&InputError { error: &message }),
    }
}

fn write(answer: &impl Serialize) -> String {
    // Answers hold no maps with keys that are not text, so they always serialise.
    serde_json::to_string(answer).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}

struct InputError<'a> {
    error: &'a str,
}

impl Serialize for InputError<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("error", self.error)?;
        map.serialize_entry("error_type", "InputError")?;
        map.end()
    }
}

fn read(input: &str) -> Result<Request, String> {
    let data = json::parse(input).map_err(|e| format!("line is not JSON: {e}"))?;
    let Data::Object(fields) = data else { return Err("line is not a JSON object".to_owned()) };
    let mut request = Request {
        id: None,
        template: String::new(),
        params: Params::new(),
        test_mode: false,
        secrets: SecretNames::default(),
        secrets_in_test_mode: true,
        node: None,
        escape_arrays: false,
        job_timestamp: None,
    };
    let mut template = None;
    for (key, value) in fields {
        let flag = |value: &Data| matches!(value, Data::Bool(true));
        let text = |value: &Data| value.as_str().map(str::to_owned);
        match (&*key, value) {
            ("id", value) => request.id = Some(value),
            (_, Data::Null) => {}
            ("template", value) => template = text(&value),
            ("params", Data::Object(params)) => {
                request.params = params.into_iter().map(|(name, value)| (name, float_marks(value))).collect();
            }
            ("test_mode", value) => request.test_mode = flag(&value),
            ("secrets", Data::List(names)) => request.secrets.0 = names.iter().filter_map(secret_name).collect(),
            ("secrets_in_test_mode", value) => request.secrets_in_test_mode = flag(&value),
            ("name", value) => request.node = text(&value),
            ("escape_arrays", value) => request.escape_arrays = flag(&value),
            ("job_timestamp", value) => request.job_timestamp = text(&value),
            _ => {}
        }
    }
    request.template = template.ok_or("field \"template\" is missing or no text")?;
    Ok(request)
}

/// A secret's name without its optional prefix.
fn secret_name(name: &Data) -> Option<String> {
    name.as_str().map(|n| n.strip_prefix("tb_secret_").unwrap_or(n).to_owned())
}

/// `{"$float": "inf"}` stands for a float JSON cannot write.
fn float_marks(value: Data) -> Data {
    match value {
        Data::Object(entries) => match &entries[..] {
            [(key, Data::Text(text))] if **key == *"$float" => {
                crate::py::number::parse_float(text).map_or(Data::Null, Data::Float)
            }
            _ => Data::Object(entries.into_iter().map(|(k, v)| (k, float_marks(v))).collect()),
        },
        Data::List(items) => Data::List(items.into_iter().map(float_marks).collect()),
        other => other,
    }
}

fn answer(request: Request) -> Answer {
    let mut answer = Answer { id: request.id, ..Answer::default() };
    answer.template_params = request.secrets.0.iter().map(|name| format!("tb_secret_{name}")).collect();
    let text = &request.template;
    let options = CompileOptions { node: request.node, ..CompileOptions::default() };
    // Parameters are listed without the node's name.
    let tree = match Template::parse(text, None, &options.limits) {
        Ok(tree) => tree,
        Err(error) => {
            answer.parameters = Some(Err(error.clone()));
            let named = match &options.node {
                None => Some(error),
                Some(_) => Template::compile(text, &options).err(),
            };
            answer.outcome = named.map(Err);
            return answer;
        }
    };
    let parameters = metadata::extract(text, &tree);
    answer.write_error = match &parameters {
        Ok(parameters) => metadata::check_names(parameters).err(),
        Err(error) => Some(error.clone()),
    };
    answer.parameters = Some(parameters);
    answer.used_names = Some(names::list(text, &tree));
    answer.used_tables = crate::tables::used(&tree);
    let context = RenderContext {
        test_mode: request.test_mode,
        secrets: &request.secrets,
        secrets_in_test_mode: request.secrets_in_test_mode,
        escape_arrays: request.escape_arrays,
        job_timestamp: request.job_timestamp.as_deref(),
        limits: None,
    };
    let template = Template::from_tree(text, tree, &options);
    answer.outcome = Some(template.and_then(|template| template.render(&request.params, &context)));
    answer
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(id) = &self.id {
            map.serialize_entry("id", id)?;
        }
        let empty = Settings::default();
        let mut settings = &empty;
        match &self.outcome {
            Some(Ok(rendered)) => {
                settings = &rendered.settings;
                map.serialize_entry("result", &rendered.sql)?;
            }
            Some(Err(error)) => write_error(&mut map, error)?,
            None => {}
        }
        match &self.parameters {
            Some(Ok(parameters)) => map.serialize_entry("param_meta", parameters)?,
            Some(Err(error)) => {
                map.serialize_entry("param_meta", &())?;
                map.serialize_entry("param_meta_error", error.listing_text())?;
                map.serialize_entry("param_meta_error_type", error.listing_type())?;
            }
            None => {}
        }
        if let Some(names) = &self.used_names {
            map.serialize_entry("used_names", names)?;
        }
        map.serialize_entry("settings", settings)?;
        if let Some(Ok(rendered)) = &self.outcome {
            write_rest(&mut map, rendered, &self.template_params)?;
        }
        if !self.used_tables.is_empty() {
            map.serialize_entry("used_tables", &self.used_tables)?;
        }
        if let Some(error) = &self.write_error {
            map.serialize_entry("write_error", &error.to_string())?;
        }
        map.end()
    }
}

fn write_error<M: SerializeMap>(map: &mut M, error: &Error) -> Result<(), M::Error> {
    map.serialize_entry("error", &error.to_string())?;
    map.serialize_entry("error_type", error.error_type())?;
    if let ErrorClass::Custom { status, argument } = error.class() {
        map.serialize_entry("error_code", status)?;
        map.serialize_entry("error_arg", argument)?;
    }
    Ok(())
}

fn write_rest<M: SerializeMap>(map: &mut M, rendered: &Rendered, secrets: &[String]) -> Result<(), M::Error> {
    if !rendered.ch_params.is_empty() {
        map.serialize_entry("ch_params", &rendered.ch_params)?;
    }
    if !secrets.is_empty() {
        map.serialize_entry("template_params", secrets)?;
    }
    if !rendered.warnings.is_empty() {
        map.serialize_entry("warnings", &rendered.warnings)?;
    }
    Ok(())
}

impl Error {
    /// The text a listing of parameters fails with: without the prefix rendering adds.
    fn listing_text(&self) -> &str {
        self.message()
    }

    /// The class name a listing of parameters fails with.
    fn listing_type(&self) -> &'static str {
        if matches!(self.class(), ErrorClass::Security) { "SecurityException" } else { self.error_type() }
    }
}
