//! What the guard costs a typical endpoint request whose shape has been seen: rewriting, then the verdict cache.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::num::NonZeroUsize;

use criterion::{Criterion, criterion_group, criterion_main};
use standpipe_sql::{
    Analysis, Door, Filter, Policy, Refusal, RefusalKind, Replacement, Resolver, StatementClass, StatementRules,
    TableName, VerdictCache, parse_statement, rewrite, tokenize,
};

/// An endpoint of two nodes over a filtered data source, about as long as people's are.
const NODE: &str =
    "SELECT toStartOfHour(timestamp) AS hour, country, device, uniq(session_id) AS visits, count() AS hits,
    countIf(status >= 500) / count() AS error_rate, quantile(0.95)(duration) AS p95
FROM analytics_events
WHERE timestamp >= toDateTime('2026-11-01 00:00:00') AND timestamp < toDateTime('2026-11-08 00:00:00')
    AND country IN ('ES', 'FR', 'US') AND domain(url) != '' AND notEmpty(session_id)
GROUP BY hour, country, device";

const ENDPOINT: &str = "WITH totals AS (SELECT sum(visits) AS all_visits FROM hourly)
SELECT h.hour, h.country, sum(h.visits) AS visits, visits / (SELECT all_visits FROM totals) AS share,
    max(h.p95) AS p95, any(h.error_rate) AS error_rate
FROM hourly AS h
WHERE h.country = 'ES' AND h.device IN ('mobile', 'desktop', 'tablet')
GROUP BY h.hour, h.country
ORDER BY h.hour DESC, visits DESC
LIMIT 100 OFFSET 0";

struct Pipe;

impl Resolver for Pipe {
    fn resolve(&mut self, name: &TableName) -> Result<Replacement, Refusal> {
        match name.name.as_str() {
            "hourly" => Ok(Replacement::Subquery { sql: rewrite(NODE, self)? }),
            "analytics_events" => Ok(Replacement::Table {
                database: "d_0123456789abcdef0123456789abcdef".to_owned(),
                table: "t_0123456789abcdef0123456789abcdef_1".to_owned(),
                filter: Some(Filter {
                    condition: "tenant = 'acme'".to_owned(),
                    called: "analytics_events".to_owned(),
                    columns: Vec::new(),
                }),
            }),
            _ => Err(Refusal::new(RefusalKind::UnknownTable, "unknown")),
        }
    }

    fn is_reserved(&self, word: &str) -> bool {
        word == "d_0123456789abcdef0123456789abcdef"
    }
}

/// The tree does not matter to the timing of a hit, only that the guard passes it once.
const TREE: &str =
    "QUERY id: 0\n  PROJECTION\n    LIST id: 1, nodes: 0\n  JOIN TREE\n    IDENTIFIER id: 2, identifier: system.one";

fn benches(c: &mut Criterion) {
    let policy = Policy {
        tables: BTreeSet::from([(
            "d_0123456789abcdef0123456789abcdef".to_owned(),
            "t_0123456789abcdef0123456789abcdef_1".to_owned(),
        )]),
        workspace: "w".to_owned(),
        door: Door::Endpoint,
        extra_table_functions: BTreeSet::new(),
    };
    let rules = StatementRules { max_length: 8192, may_format: false, may_settings: true };
    let cache = VerdictCache::new(NonZeroUsize::new(1000).expect("not zero"), "bench");
    let text = rewrite(ENDPOINT, &mut Pipe).expect("the endpoint is fine");
    let analysis = Analysis { statements: 1, class: StatementClass::ReadOnly, query_tree: TREE.to_owned() };
    cache.inspect(&text, &analysis, &policy).expect("the endpoint is fine");

    c.bench_function("tokenize", |b| b.iter(|| tokenize(black_box(&text))));
    c.bench_function("rewrite two nodes", |b| b.iter(|| rewrite(black_box(ENDPOINT), &mut Pipe)));
    c.bench_function("verdict cache hit", |b| b.iter(|| cache.get(black_box(&text), &policy)));
    c.bench_function("statement, rewrite, hit", |b| {
        b.iter(|| {
            let statement = parse_statement(black_box(ENDPOINT), &rules).expect("a statement");
            let text = rewrite(&statement.sql, &mut Pipe).expect("the endpoint is fine");
            cache.get(&text, &policy).expect("seen before")
        });
    });
}

criterion_group!(group, benches);
criterion_main!(group);
