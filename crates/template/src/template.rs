//! A compiled template and what can be done with it.

use std::sync::Arc;

use crate::error::Error;
use crate::eval::Machine;
use crate::generated;
use crate::limits::Limits;
use crate::metadata::{self, MergedParameter, Parameter};
use crate::names::{self, UsedName};
use crate::outcome;
use crate::params::Params;
use crate::program::{self, Program};
use crate::settings::Settings;
use crate::tables;
use crate::tags::{self, Tree};

/// How to compile a template.
#[derive(Debug, Clone, Default)]
pub struct CompileOptions {
    /// Name of the pipe node the text belongs to; error texts show it.
    pub node: Option<String>,
    /// Limits of the compilation and of every rendering.
    pub limits: Limits,
}

/// Tells which secrets a template may name. Their values never pass through a template.
pub trait Secrets: Sync {
    /// Whether there is a secret of this name, given without the prefix `tb_secret_`.
    fn contains(&self, name: &str) -> bool;
}

/// A place without secrets.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn contains(&self, _name: &str) -> bool {
        false
    }
}

/// What surrounds one rendering.
#[derive(Clone, Copy)]
pub struct RenderContext<'a> {
    /// Renders without parameters, as a save does: what is missing becomes a sample.
    pub test_mode: bool,
    /// The secrets the caller may use.
    pub secrets: &'a dyn Secrets,
    /// Whether test mode takes every secret as known. Default true.
    pub secrets_in_test_mode: bool,
    /// Prints lists as SQL arrays instead of Python lists. Default false.
    pub escape_arrays: bool,
    /// The value of an unset `job_timestamp`, as `YYYY-MM-DD HH:MM:SS`: when the job that renders was due.
    pub job_timestamp: Option<&'a str>,
    /// Limits of this rendering in place of the template's own: a caller with little time gives less.
    pub limits: Option<&'a Limits>,
}

impl Default for RenderContext<'_> {
    fn default() -> Self {
        RenderContext {
            test_mode: false,
            secrets: &NoSecrets,
            secrets_in_test_mode: true,
            escape_arrays: false,
            job_timestamp: None,
            limits: None,
        }
    }
}

/// What a rendering gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The SQL.
    pub sql: String,
    /// What the template asks of the engine and the cache.
    pub settings: Settings,
    /// Names of the secrets the SQL refers to as `{name: String}`, without repetition, in order of first use.
    pub ch_params: Vec<String>,
    /// Names the template uses as parameters although other parts of a request use them too.
    pub warnings: Vec<String>,
}

/// A compiled template. It never changes; share it in an `Arc` and render it from any thread.
pub struct Template {
    text: Arc<str>,
    node: Option<Arc<str>>,
    limits: Limits,
    program: Program,
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template").field("text", &self.text).field("node", &self.node).finish_non_exhaustive()
    }
}

/// The template's text when a node's SQL is a template: stripped, it begins with `%`, which is removed.
pub fn template_text(sql: &str) -> Option<&str> {
    crate::py::text::strip(sql).strip_prefix('%')
}

impl Template {
    /// Compiles `text`, which has no leading `%` any more.
    ///
    /// # Errors
    ///
    /// When the text is no template, holds an expression that is not allowed, or exceeds a limit.
    pub fn compile(text: &str, options: &CompileOptions) -> Result<Template, Error> {
        let node = options.node.as_deref();
        let tree = Template::parse(text, node, &options.limits)?;
        Template::from_tree(text, tree, options)
    }

    /// Parses `text` as far as the reference does when it lists parameters.
    pub(crate) fn parse(text: &str, node: Option<&str>, limits: &Limits) -> Result<Tree, Error> {
        if text.len() > limits.template_bytes {
            let limit = format!("{} bytes of template", limits.template_bytes);
            return Err(crate::limits::over("template_bytes", limit, "split the node").with_node(node));
        }
        let tree = tags::parse(text, node, limits)?;
        generated::check(text, node, &tree)?;
        Ok(tree)
    }

    pub(crate) fn from_tree(text: &str, tree: Tree, options: &CompileOptions) -> Result<Template, Error> {
        let node = options.node.as_deref();
        generated::check_wrapped(text, node, &tree)?;
        let program = program::build(text, tree).map_err(|e| e.with_node(node))?;
        let limits = options.limits.clone();
        Ok(Template { text: text.into(), node: node.map(Arc::from), limits, program })
    }

    /// The text the template was compiled from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name of the pipe node, if one was given.
    pub fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// Renders the template.
    ///
    /// # Errors
    ///
    /// When a parameter is missing or fails its type's test, when the template raises an error itself, or when a limit
    /// is exceeded.
    pub fn render(&self, params: &Params, context: &RenderContext<'_>) -> Result<Rendered, Error> {
        outcome::check_names(self, params)?;
        let limits = context.limits.unwrap_or(&self.limits);
        let mut machine = Machine::new(&self.text, &self.program, params, context, limits);
        match machine.run() {
            Ok(()) => Ok(Rendered {
                warnings: self.warnings(),
                sql: machine.out,
                settings: machine.settings,
                ch_params: machine.ch_params,
            }),
            Err(raise) => Err(outcome::error(self, &machine, raise)),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for &sym in &self.program.reserved {
            found.push(self.program.names.get(sym).to_owned());
        }
        found
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    /// The text parses, since it did so when the template was compiled.
    fn tree(&self) -> Result<Tree, Error> {
        tags::parse(&self.text, self.node(), &self.limits)
    }

    /// Every use of a parameter, tag by tag; a block's body comes before its own condition.
    ///
    /// # Errors
    ///
    /// When a list stands where a parameter's name should.
    pub fn parameters(&self) -> Result<Vec<Parameter>, Error> {
        metadata::extract(&self.text, &self.tree()?)
    }

    /// One entry per parameter, as the pipe's JSON shows it. Variables of the template are left out.
    ///
    /// # Errors
    ///
    /// As [`Template::parameters`].
    pub fn merged_parameters(&self) -> Result<Vec<MergedParameter>, Error> {
        let own = |parameter: &Parameter| parameter.name().as_str().is_some_and(|name| self.program.is_variable(name));
        let parameters = self.parameters()?;
        Ok(metadata::merge_parameters(parameters.iter().filter(|p| !own(p))))
    }

    /// Checks what a save checks: every parameter's name is one.
    ///
    /// # Errors
    ///
    /// When a literal stands where a parameter's name should.
    pub fn check_names(&self) -> Result<(), Error> {
        metadata::check_names(&self.parameters()?)
    }

    /// The names the template uses, with the line of their tag, in the order of evaluation.
    ///
    /// # Errors
    ///
    /// None that [`Template::compile`] has not met already.
    pub fn used_names(&self) -> Result<Vec<UsedName>, Error> {
        Ok(names::list(&self.text, &self.tree()?))
    }

    /// The tables that `table('name')` calls name literally, in all branches, in the order of the text.
    ///
    /// # Errors
    ///
    /// None that [`Template::compile`] has not met already.
    pub fn used_tables(&self) -> Result<Vec<String>, Error> {
        Ok(tables::used(&self.tree()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Template>();
        shared::<Params>();
        shared::<Rendered>();
        shared::<Error>();
    }

    #[test]
    fn only_sql_that_begins_with_a_percent_sign_is_a_template() {
        assert_eq!(template_text("  %\nSELECT 1 \n"), Some("\nSELECT 1"));
        assert_eq!(template_text("%% SELECT 1"), Some("% SELECT 1"));
        assert_eq!(template_text("SELECT '%'"), None);
        assert_eq!(template_text(" \n"), None);
    }
}
