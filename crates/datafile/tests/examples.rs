//! The sample project is read without warnings, and says what its README and walk-through rely on.

use standpipe_datafile::{Endpoint, NodeKind, check_keys, parse_datasource, parse_pipe};

const FLIGHTS: &str = include_str!("../../../examples/flights/datasources/flights.datasource");
const AIRLINES: &str = include_str!("../../../examples/flights/datasources/airlines.datasource");
const PIPES: [(&str, &str); 3] = [
    ("delays_by_carrier.pipe", include_str!("../../../examples/flights/endpoints/delays_by_carrier.pipe")),
    ("routes.pipe", include_str!("../../../examples/flights/endpoints/routes.pipe")),
    ("daily_totals.pipe", include_str!("../../../examples/flights/endpoints/daily_totals.pipe")),
];

#[test]
fn the_data_sources_of_the_sample_are_read() {
    for (file, text) in [("flights.datasource", FLIGHTS), ("airlines.datasource", AIRLINES)] {
        let parsed = parse_datasource(file, text).unwrap();
        assert_eq!(parsed.warnings, []);
        assert!(parsed.columns.iter().all(|column| column.jsonpath.is_some()), "{file} is fed with JSON");
        check_keys(parsed.engine.as_ref().unwrap(), &parsed.columns).unwrap();
        assert_eq!(parse_datasource(file, &parsed.to_string()).unwrap(), parsed);
    }
}

#[test]
fn a_printed_data_source_is_written_like_the_sample() {
    assert_eq!(parse_datasource("airlines.datasource", AIRLINES).unwrap().to_string(), AIRLINES);
}

#[test]
fn every_pipe_of_the_sample_publishes_its_last_node() {
    for (file, text) in PIPES {
        let parsed = parse_pipe(file, text).unwrap();
        assert_eq!(parsed.warnings, []);
        assert_eq!(parsed.nodes.last().unwrap().kind, NodeKind::Endpoint(Endpoint::default()), "{file}");
        assert_eq!(parsed.to_string(), text, "a printed pipe is written like the sample");
    }
}
