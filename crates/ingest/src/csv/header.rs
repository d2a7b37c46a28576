//! Whether a CSV body begins with its columns' names, and which field belongs to which column.

use super::Record;

/// What the first record of a CSV body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeaderMode {
    /// A header when it names columns: each field is another column's name, or every column's name is among the
    /// fields. Else a row.
    #[default]
    Detect,
    /// A header. Fields that name no column are left out; if none does, fields belong to columns by their position.
    Present,
    /// A row.
    Absent,
}

/// Which fields belong to which columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// For each column the place of its field.
    pub(super) columns: Vec<Option<usize>>,
    /// How many fields a record has at most.
    pub(super) fields: usize,
}

/// The layout of a body that begins with this record, and whether this record is a header.
pub(super) fn layout(columns: &[&str], first: &Record<'_>, mode: HeaderMode) -> (Layout, bool) {
    let by_position = || Layout { columns: (0..columns.len()).map(Some).collect(), fields: columns.len() };
    if mode == HeaderMode::Absent {
        return (by_position(), false);
    }
    let names: Vec<&[u8]> = (0..first.len()).map(|at| first.field(at).trim_ascii()).collect();
    let by_name: Vec<Option<usize>> = columns.iter().map(|column| place_of(column, &names)).collect();
    let known = by_name.iter().flatten().count();
    let is_header = known > 0 && (known == columns.len() || known == names.len());
    match mode {
        HeaderMode::Present if known == 0 => (by_position(), true),
        HeaderMode::Detect if !is_header => (by_position(), false),
        _ => (Layout { columns: by_name, fields: names.len() }, true),
    }
}

/// The field of that name; one that differs in case only, if none is the same.
fn place_of(column: &str, names: &[&[u8]]) -> Option<usize> {
    let column = column.as_bytes();
    let same = names.iter().position(|name| *name == column);
    same.or_else(|| names.iter().position(|name| name.eq_ignore_ascii_case(column)))
}
