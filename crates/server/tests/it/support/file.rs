//! Files of the repository that are written from the code.

use std::path::Path;

/// Asserts that the file holds `expected`; with `UPDATE=1` in the environment it is written instead.
#[track_caller]
pub(crate) fn assert_file(path: &Path, expected: &str) {
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, expected).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    let place = found.lines().zip(expected.lines()).position(|(one, other)| one != other);
    assert!(
        found == expected,
        "'{}' is not what the code says (first at line {:?}): run the tests with UPDATE=1 and look at the difference",
        path.display(),
        place.map(|line| line + 1)
    );
}
