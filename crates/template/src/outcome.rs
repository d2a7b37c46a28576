//! What becomes of an exception that nothing caught, and of names no template may use.

use crate::error::{Error, ErrorClass, Place};
use crate::eval::Machine;
use crate::exception::{Class, Exception, Raise};
use crate::metadata;
use crate::names;
use crate::params::{Data, Params};
use crate::tags;
use crate::template::Template;

/// Refuses names that the reference cannot pass on.
pub(crate) fn check_names(template: &Template, params: &Params) -> Result<(), Error> {
    let program = template.program();
    let unusable = |message: String, class| Error::new(class, message).with_node(template.node());
    if let Some((sym, line)) = program.forbidden {
        let name = program.names.get(sym);
        let message = format!("\"{name}\" can not be used as a variable name, line {line}");
        return Err(unusable(message, ErrorClass::Value));
    }
    if program.uses_self || params.get("self").is_some() {
        return Err(unusable("\"self\" can not be used as a variable name".to_owned(), ErrorClass::Type));
    }
    Ok(())
}

/// The error a rendering ends with.
pub(crate) fn error(template: &Template, machine: &Machine<'_>, raise: Raise) -> Error {
    let error = match raise {
        Raise::Fatal(error) => *error,
        Raise::Exception(exception) => convert(template, machine, *exception),
    };
    let (start, end) = (machine.tag.start as usize, machine.tag.end as usize);
    error.with_node(template.node()).at(Place::of(template.text(), start, end))
}

fn convert(template: &Template, machine: &Machine<'_>, exception: Exception) -> Error {
    let program = template.program();
    // A quirk of the reference: with a parameter `x` missing, test mode reports errors as a ValueError with a line.
    if let Some(line) = program.x_line
        && exception.class != Class::Type
        && machine.context.test_mode
        && machine.params.get("x").is_none()
    {
        let own = exception.class == Class::Template;
        let text =
            Error::new(if own { ErrorClass::Template } else { ErrorClass::Value }, exception.message).to_string();
        return Error::new(ErrorClass::Value, format!("{text}, line {line}"));
    }
    let Exception { class, message, custom } = exception;
    match class {
        Class::Template => Error::new(ErrorClass::Template, message),
        Class::Custom => {
            let (status, argument) = custom.map_or((Data::Null, Data::Null), |(status, argument)| {
                (Data::from_value(&status), Data::from_value(&argument))
            });
            Error::new(ErrorClass::Custom { status, argument }, message)
        }
        Class::Attribute if message.ends_with("has no attribute 'get'") => {
            let hint = "Make sure you're using an object/dictionary where trying to use .get()";
            Error::new(ErrorClass::Template, format!("{message}. {hint}"))
        }
        Class::Index if message == "string index out of range" => Error::new(
            ErrorClass::Template,
            "String index out of range. Check that string parameters have values before accessing specific characters \
             (e.g., param[0]). Provide default values or add length checks in your template.",
        ),
        Class::Key => Error::new(
            ErrorClass::Template,
            format!(
                "Missing key {message} while rendering the template. Ensure every object accessed in the template has \
                 this key."
            ),
        ),
        Class::Name | Class::UnboundLocal | Class::Attribute | Class::Index => {
            Error::new(ErrorClass::Template, message)
        }
        Class::Type => type_error(program.length && machine.params.get("length").is_none(), message),
        Class::Value => Error::new(ErrorClass::Value, message),
        other => Error::new(ErrorClass::Python(other.name()), message),
    }
}

fn type_error(length_missing: bool, message: String) -> Error {
    if message.contains("missing 1 required positional argument") {
        return Error::new(ErrorClass::Template, "one of the transform type functions is missing an argument");
    }
    if length_missing {
        let message = "length cannot be used as a variable name or as a function inside of a template";
        return Error::new(ErrorClass::Template, message);
    }
    if message.ends_with("object is not callable") || message.starts_with("unhashable type") {
        let message = "wrong syntax, you might be using a not valid function inside a control block";
        return Error::new(ErrorClass::Template, message);
    }
    if message.contains("not supported between instances of") && message.contains("'Placeholder'") {
        let hint = "If you are using a dynamic parameter, you need to wrap it around a valid Data Type (e.g. \
                    Int8(placeholder))";
        return Error::new(ErrorClass::Value, format!("{message}. {hint}"));
    }
    Error::new(ErrorClass::Value, message)
}

impl Machine<'_> {
    /// The error for a typed parameter that is missing. It names every parameter without a default.
    pub(crate) fn required_error(&self) -> Raise {
        const REQUIRED: &str = "Required parameter is not defined";
        let mut missing: Vec<String> = Vec::new();
        for parameter in self.parameters() {
            if *parameter.default() == Data::Null && !parameter.is_function_argument() {
                let name = crate::value::to_str(&parameter.name().to_value());
                if !missing.contains(&name) {
                    missing.push(name);
                }
            }
        }
        let list = match &missing[..] {
            [] => return Raise::template(REQUIRED),
            [one] => one.clone(),
            [all @ .., last] => format!("{} and {last}", all.join(", ")),
        };
        Raise::template(format!(
            "{REQUIRED}. Check the parameters {list}. Please provide a value or set a default value in the pipe code."
        ))
    }

    /// The template's parameters. Only errors need them while rendering, so they are read from the text again.
    fn parameters(&self) -> Vec<metadata::Parameter> {
        let tree = tags::parse(self.text, None, &crate::limits::Limits::default());
        tree.and_then(|tree| metadata::extract(self.text, &tree)).unwrap_or_default()
    }

    /// The line of the last tag that uses `name`.
    pub(crate) fn last_line(&self, name: &str) -> u32 {
        let Ok(tree) = tags::parse(self.text, None, &crate::limits::Limits::default()) else { return 1 };
        names::list(self.text, &tree).iter().rev().find(|used| *used.1 == *name).map_or(1, |used| used.0)
    }
}
