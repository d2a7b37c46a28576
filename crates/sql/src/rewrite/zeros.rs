//! `zeros(n)` says the same by `numbers(n)`: of the two, the engine (26.7) reads only the second one when it is told to write
//! nothing.

use super::Writer;
use crate::outline::TableFunction;

/// A query of zeros in the place of a call of `zeros` or `zeros_mt`.
pub(super) fn replace(writer: &mut Writer<'_, '_>, function: &TableFunction) {
    let counts = match function.name.as_str() {
        "zeros" => "numbers",
        "zeros_mt" => "numbers_mt",
        _ => return,
    };
    let name = writer.text.start(function.at)..writer.text.end_before(function.at + 1);
    let end = writer.text.end_before(writer.text.mate(function.at + 1) + 1);
    writer.put(name, format!("(SELECT toUInt8(0) AS zero FROM {counts}"));
    writer.edits.put(end..end, ")");
}
