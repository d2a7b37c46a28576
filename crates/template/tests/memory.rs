//! Memory of compiled templates, counted by the allocator of this test.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use standpipe_template::{CompileOptions, Template};

/// Counts the bytes that are in use, with the header and rounding of a common allocator (glibc's).
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

fn rounded(layout: Layout) -> usize {
    (layout.size() + 8).next_multiple_of(16).max(32)
}

#[expect(
    unsafe_code,
    reason = "an allocator can only be written with unsafe; this one hands everything to the system's"
)]
// SAFETY: every call goes to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(rounded(layout), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(rounded(layout), Ordering::Relaxed);
        // SAFETY: `pointer` came from `alloc` above with the same layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn ten_thousand_endpoints_use_at_most_60_mb() {
    const COUNT: usize = 10_000;
    let text = include_str!("../benches/endpoint.sql");
    let before = IN_USE.load(Ordering::Relaxed);
    let templates: Vec<Template> = (0..COUNT)
        .map(|i| {
            let text = text.replace("analytics_hits", &format!("analytics_hits_{i}"));
            Template::compile(&text, &CompileOptions::default()).expect("the endpoint compiles")
        })
        .collect();
    let used = IN_USE.load(Ordering::Relaxed) - before;
    let megabytes = used as f64 / 1e6;
    println!("{COUNT} templates of {} bytes use {megabytes:.1} MB", text.len());
    assert!(megabytes <= 60.0, "{} templates use {megabytes:.1} MB", templates.len());
}
