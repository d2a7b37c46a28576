//! `/metrics`

use crate::test_app::{Answer, TestApp};

/// Every line that is no comment, in the order of their text.
fn samples(answer: &Answer) -> Vec<&str> {
    let mut samples: Vec<&str> = answer.body.lines().filter(|line| !line.starts_with('#')).collect();
    samples.sort_unstable();
    samples
}

#[tokio::test]
async fn tell_of_requests_and_the_engine() {
    let app = TestApp::new().await;
    app.get("/health").await;
    app.get("/health?token=p.secret").await;
    app.get("/no/such/path").await;
    app.app.metrics.engine.restarts.inc();
    let answer = app.get("/metrics").await;
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(answer.body.ends_with("# EOF\n"));
    let samples = samples(&answer);
    for expected in [
        r#"standpipe_http_requests_total{method="GET",route="/health",status="200"} 2"#,
        r#"standpipe_http_requests_total{method="GET",route="other",status="404"} 1"#,
        r#"standpipe_http_request_seconds_count{method="GET",route="/health"} 2"#,
        r#"standpipe_engine_sandbox{enforced="full"} 1"#,
        r#"standpipe_engine_lane_running{lane="read"} 2"#,
        r#"standpipe_engine_lane_waiting{lane="read"} 1"#,
        "standpipe_engine_memory_bytes 1048576",
        "standpipe_engine_restarts_total 1",
        "standpipe_engine_up 1",
    ] {
        assert!(samples.contains(&expected), "{expected} is not in\n{}", answer.body);
    }
    assert!(!answer.body.contains("secret") && !answer.body.contains("such"), "{}", answer.body);
}

#[tokio::test]
async fn are_told_without_the_engine_too() {
    let answer = TestApp::without_engine().await.get("/metrics").await;
    let samples = samples(&answer);
    assert!(samples.contains(&"standpipe_engine_up 0"), "{}", answer.body);
    assert!(!answer.body.contains("enforced="), "{}", answer.body);
}
