//! How long a thread that answers requests may render: a template that takes longer starts again out of their way.
//!
//! Few threads answer all requests, and most templates render in microseconds. The few that loop long would hold up
//! everybody else, and nobody knows before which ones they are.

use standpipe_template::{ErrorClass, Limits};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::error::{Error, Result};

/// Steps of a rendering that ends within about a millisecond.
const SHORT_STEPS: u64 = 16_384;
/// Bytes of strings and lists of such a rendering.
const SHORT_BYTES: usize = 256 << 10;

/// How much one rendering may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// What is done in about a millisecond.
    Short,
    /// All that the limits allow.
    Full,
}

impl Effort {
    /// The limits of a rendering with this effort, where they are not the template's own.
    pub(super) fn limits(self) -> Option<Limits> {
        let short = Limits { steps: SHORT_STEPS, value_bytes: SHORT_BYTES, ..Limits::default() };
        (self == Effort::Short).then_some(short)
    }
}

/// Makes a short attempt; where a template's limits end it, a full one beside the threads that answer requests.
pub(crate) fn short_first<T>(attempt: impl Fn(Effort) -> Result<T>) -> Result<T> {
    match attempt(Effort::Short) {
        Err(Error::Template(error)) if *error.class() == ErrorClass::Limit => aside(|| attempt(Effort::Full)),
        done => done,
    }
}

/// Runs work that takes long while another thread takes over the requests of this one.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        // A runtime of one thread has nobody to take over.
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::{NodeSql, TemplateLimits};

    fn render(text: &str) -> (Result<String>, Vec<Effort>) {
        let limits = TemplateLimits::default();
        let sql = NodeSql::new("n", text, &limits).unwrap();
        let efforts = std::cell::RefCell::new(Vec::new());
        let rendered = short_first(|effort| {
            efforts.borrow_mut().push(effort);
            Ok(sql.render(&standpipe_template::Params::default(), effort)?.text)
        });
        (rendered, efforts.into_inner())
    }

    #[test]
    fn what_is_quick_is_rendered_once() {
        let (rendered, efforts) = render("% SELECT {{Int32(n, 1)}}");
        assert_eq!(rendered.unwrap(), " SELECT toInt32('1')");
        assert_eq!(efforts, [Effort::Short]);
    }

    #[test]
    fn what_takes_long_is_rendered_again_with_all_its_limits() {
        let (rendered, efforts) = render("% SELECT {% for i in range(30000) %}{% set x = i %}{% end %}{{x}}");
        assert_eq!(rendered.unwrap(), " SELECT 29999");
        assert_eq!(efforts, [Effort::Short, Effort::Full]);
    }

    #[test]
    fn what_has_no_end_fails_by_the_template_s_own_limit() {
        let (rendered, efforts) = render("% SELECT {% while True %}1{% end %}");
        let error = rendered.unwrap_err().to_string();
        assert!(error.contains("1000000 evaluation steps"), "{error}");
        assert_eq!(efforts, [Effort::Short, Effort::Full]);
    }
}
