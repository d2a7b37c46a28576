//! Prints every text of the attack suite and the harmless corpus, as written and as it would run, for the tool that
//! records the engine's view.

use std::collections::BTreeSet;
use std::io::Write;

use standpipe_sql::Door;

#[path = "../tests/support/cases.rs"]
mod cases;

use cases::attacks::{ATTACKS, CONDITION_ATTACKS, NEUTRALISED};
use cases::harmless::{HARMLESS, HARMLESS_CONDITIONS};
use cases::pairs::{HITS, PAIRS};
use cases::{DOORS, final_text};

fn main() -> std::io::Result<()> {
    let mut texts = BTreeSet::new();
    for (_, sql) in ATTACKS.iter().chain(HARMLESS).chain(NEUTRALISED) {
        texts.insert((*sql).to_owned());
        let doors = DOORS.iter().filter(|&&door| door != Door::Condition);
        texts.extend(doors.filter_map(|&door| Some(final_text(door, sql).ok()?.0)));
    }
    for (_, sql) in CONDITION_ATTACKS.iter().chain(HARMLESS_CONDITIONS) {
        texts.extend(final_text(Door::Condition, sql).map(|(text, _)| text));
    }
    for (_, first, second) in PAIRS.iter().chain(HITS) {
        texts.insert((*second).to_owned());
        let both = [first, second].into_iter();
        texts.extend(both.filter_map(|sql| Some(final_text(Door::Sql, sql).ok()?.0)));
    }
    let mut out = std::io::stdout().lock();
    for text in texts {
        writeln!(out, "{}", serde_json::json!(text))?;
    }
    Ok(())
}
