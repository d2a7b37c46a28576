//! One entry per parameter, put together from all its uses in all nodes.

use serde::Serialize;

use super::Parameter;
use crate::params::Data;

/// A parameter of a pipe, as its JSON and its OpenAPI page show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MergedParameter {
    /// The name callers use.
    pub name: String,
    /// The type of the first use that declares one, such as `Int32` or `Array(String)`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The first default that is not null.
    pub default: Data,
    /// What the template says with `required=`; nothing enforces it.
    pub required: bool,
    /// The first description.
    pub description: Option<String>,
    /// The values the template names with `enum=`.
    #[serde(rename = "enum", skip_serializing_if = "Option::is_none")]
    pub values: Option<Data>,
    /// The text the template gives with `format=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Data>,
    /// The value the template gives with `example=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<Data>,
    /// Whether a use with a type was seen; one without it is only a guess at `String`.
    #[serde(skip)]
    declared: bool,
}

/// Merges the uses of each parameter: the first use that declares a type gives the type; of every other field the
/// first value that is there counts. Literals in the place of names are left out.
pub fn merge_parameters<'a>(uses: impl IntoIterator<Item = &'a Parameter>) -> Vec<MergedParameter> {
    let mut merged: Vec<MergedParameter> = Vec::new();
    for parameter in uses {
        let Some(name) = parameter.name().as_str().filter(|n| !n.is_empty()) else { continue };
        match merged.iter_mut().find(|m| m.name == name) {
            Some(known) => known.add(parameter),
            None => {
                let mut new = MergedParameter {
                    name: name.to_owned(),
                    type_name: "String".to_owned(),
                    default: Data::Null,
                    required: false,
                    description: None,
                    values: None,
                    format: None,
                    example: None,
                    declared: false,
                };
                new.add(parameter);
                merged.push(new);
            }
        }
    }
    merged
}

impl MergedParameter {
    fn add(&mut self, parameter: &Parameter) {
        // `{{x}}` and `defined(x)` say nothing about the type.
        let declares = parameter.type_name() != "String" || parameter.fields.len() > 3 || is_set(parameter.default());
        if declares && !parameter.is_function_argument() && !self.declared {
            self.declared = true;
            parameter.type_name().clone_into(&mut self.type_name);
        }
        if !is_set(&self.default) {
            self.default = parameter.default().clone();
        }
        self.required |= parameter.field("required") == Some(&Data::Bool(true));
        if self.description.is_none() {
            self.description = parameter.field("description").and_then(Data::as_str).map(str::to_owned);
        }
        let field = |name: &str| parameter.field(name).filter(|v| is_set(v)).cloned();
        self.values = self.values.take().or_else(|| field("enum"));
        self.format = self.format.take().or_else(|| field("format"));
        self.example = self.example.take().or_else(|| field("example"));
    }
}

fn is_set(value: &Data) -> bool {
    *value != Data::Null
}
