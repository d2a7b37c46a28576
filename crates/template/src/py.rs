//! Python's own rules for text and numbers.

pub(crate) mod digits;
pub(crate) mod format;
pub(crate) mod json;
pub(crate) mod number;
pub(crate) mod percent;
pub(crate) mod repr;
pub(crate) mod strptime;
pub(crate) mod text;
