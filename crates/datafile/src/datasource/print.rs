//! Writing a `.datasource` file.

use std::fmt;

use super::DataSourceFile;
use super::parse::GRAMMAR;
use crate::engine::Engine;
use crate::header::{self, write_value};
use crate::schema::print_column;
use crate::text;

impl fmt::Display for DataSourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sections = Sections::default();
        sections.add(Header(self).to_string());
        let columns: Vec<String> = self.columns.iter().map(print_column).collect();
        sections.add(format!("SCHEMA >\n{}", text::indent(&columns.join(",\n"))));
        if let Some(engine) = &self.engine {
            sections.add(EngineLines(engine).to_string());
        }
        if !self.indexes.is_empty() {
            let lines: String = self.indexes.iter().map(|index| format!("{index}\n")).collect();
            sections.add(format!("INDEXES >\n{}", text::indent(&lines)));
        }
        if let Some(connector) = &self.connector {
            sections.add(Keywords(connector.keywords()).to_string());
        }
        if !self.shared_with.is_empty() {
            sections.add(format!("SHARED_WITH >\n{}", text::indent(&self.shared_with.join("\n"))));
        }
        if let Some(sql) = &self.forward_query {
            sections.add(format!("FORWARD_QUERY >\n{}", text::sql_block(&GRAMMAR, sql)));
        }
        if self.skip_backfill {
            sections.add("BACKFILL skip\n".to_owned());
        }
        sections.fmt(f)
    }
}

/// Parts of a file, with a blank line between them.
#[derive(Default)]
pub(crate) struct Sections(Vec<String>);

impl Sections {
    pub(crate) fn add(&mut self, section: String) {
        if !section.is_empty() {
            self.0.push(section);
        }
    }
}

impl fmt::Display for Sections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

struct Header<'a>(&'a DataSourceFile);

impl fmt::Display for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        header::write(f, self.0.description.as_deref(), &self.0.tokens, &self.0.tags)
    }
}

/// The keywords of an engine.
pub(crate) struct EngineLines<'a>(pub(crate) &'a Engine);

impl fmt::Display for EngineLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_value(f, "ENGINE", self.0.name.as_str())?;
        for (key, value) in self.0.params() {
            write_value(f, &key.to_ascii_uppercase(), value)?;
        }
        Ok(())
    }
}

/// Keywords with their values.
pub(crate) struct Keywords(pub(crate) Vec<(&'static str, String)>);

impl fmt::Display for Keywords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(keyword, value)| write_value(f, keyword, value))
    }
}
