//! A node's SQL: plain text, or a template that is compiled once and rendered for each request.

use std::sync::Arc;

use standpipe_template::{CompileOptions, NoSecrets, Params, RenderContext, Settings, Template, template_text};

use super::effort::Effort;
use crate::error::Result;

/// Limits of templates.
pub type TemplateLimits = standpipe_template::Limits;

/// SQL as the user wrote it. Text that begins with `%` is a template.
#[derive(Clone, Debug)]
pub struct NodeSql {
    text: Arc<str>,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Plain,
    Template(Arc<Template>),
    /// Stored by an earlier version and not understood by this one: rendering answers the error.
    Broken(standpipe_template::Error),
}

/// SQL with its template parts rendered.
#[derive(Clone, Debug)]
pub struct RenderedSql {
    /// The SQL.
    pub text: String,
    /// What the template asked of the server.
    pub settings: Settings,
}

impl NodeSql {
    /// Compiles `text`. `name` is the node's, for errors.
    pub fn new(name: &str, text: &str, limits: &TemplateLimits) -> Result<NodeSql> {
        let sql = NodeSql::stored(name, text, limits);
        match sql.body {
            Body::Broken(error) => Err(error.into()),
            _ => Ok(sql),
        }
    }

    /// SQL that was accepted earlier: an error is kept until somebody renders it, so that one node never keeps the
    /// catalog from loading.
    pub fn stored(name: &str, text: &str, limits: &TemplateLimits) -> NodeSql {
        let body = match template_text(text) {
            None => Body::Plain,
            Some(template) => {
                let options = CompileOptions { node: Some(name.to_owned()), limits: limits.clone() };
                match Template::compile(template, &options) {
                    Ok(template) => Body::Template(Arc::new(template)),
                    Err(error) => Body::Broken(error),
                }
            }
        };
        NodeSql { text: text.into(), body }
    }

    /// The text as the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is a template.
    pub fn is_template(&self) -> bool {
        !matches!(self.body, Body::Plain)
    }

    /// The compiled template, when it is one.
    pub fn template(&self) -> Option<&Template> {
        match &self.body {
            Body::Template(template) => Some(template),
            Body::Plain | Body::Broken(_) => None,
        }
    }

    /// The SQL for these parameters.
    pub fn render(&self, params: &Params, effort: Effort) -> Result<RenderedSql> {
        self.render_in(params, false, effort)
    }

    /// The SQL with sample values for all parameters, as it is checked when it is saved.
    pub fn render_in_test_mode(&self) -> Result<RenderedSql> {
        self.render_in(&Params::default(), true, Effort::Full)
    }

    fn render_in(&self, params: &Params, test_mode: bool, effort: Effort) -> Result<RenderedSql> {
        match &self.body {
            Body::Plain => Ok(RenderedSql { text: self.text.to_string(), settings: Settings::default() }),
            Body::Broken(error) => Err(error.clone().into()),
            Body::Template(template) => {
                let limits = effort.limits();
                let context = RenderContext {
                    test_mode,
                    secrets: &NoSecrets,
                    limits: limits.as_ref(),
                    ..RenderContext::default()
                };
                let rendered = template.render(params, &context)?;
                Ok(RenderedSql { text: rendered.sql, settings: rendered.settings })
            }
        }
    }
}

impl PartialEq for NodeSql {
    /// Two are equal when they were written the same: what is compiled follows from the text.
    fn eq(&self, other: &NodeSql) -> bool {
        self.text == other.text
    }
}
