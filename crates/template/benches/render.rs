//! Speed of compiling and rendering a typical endpoint: 30 lines, 8 parameters, 4 conditions.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use standpipe_template::{CompileOptions, Params, RenderContext, Template, batch};

const ENDPOINT: &str = include_str!("endpoint.sql");

fn params() -> Params {
    [
        ("date_from", "2024-03-01 00:00:00"),
        ("date_to", "2024-03-02 00:00:00"),
        ("tenant_id", "tenant-1"),
        ("country", "ES"),
        ("device", "ios,android"),
        ("min_hits", "10"),
        ("order_by", "visits"),
        ("limit", "50"),
    ]
    .into_iter()
    .collect()
}

fn benches(criterion: &mut Criterion) {
    let options = CompileOptions::default();
    let template = Template::compile(ENDPOINT, &options).expect("the endpoint compiles");
    let (params, context) = (params(), RenderContext::default());
    criterion.bench_function("template/compile", |b| b.iter(|| Template::compile(black_box(ENDPOINT), &options)));
    criterion.bench_function("template/render", |b| b.iter(|| template.render(black_box(&params), &context)));
    criterion.bench_function("template/parameters", |b| b.iter(|| template.parameters()));
    let line = serde_json::json!({"template": "SELECT {{Int32(x, 1)}} AS v, {{String(y)}}", "params": {"y": "a'b"}});
    let line = line.to_string();
    criterion.bench_function("template/batch_line", |b| b.iter(|| batch::line(black_box(&line))));
}

criterion_group!(render, benches);
criterion_main!(render);
