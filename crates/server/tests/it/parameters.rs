//! Parameters of endpoints: where they come from, lists, and what clients add of their own.

use serde_json::json;

use crate::support::{Request, TestApp};

const LISTS: &str = "% SELECT {{Array(ids, 'Int32', '7')}} AS ids, {{Array(names, 'String', 'x')}} AS names";

async fn csv(request: Request) -> String {
    let answer = request.send().await.assert_status(200);
    answer.text().lines().nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn lists_come_as_commas_repeated_names_or_json() {
    let app = TestApp::new().await;
    app.create_endpoint("p", LISTS).await;
    let path = "/v0/pipes/p.csv";
    let expected = r#""[1,2]","['a','b']""#;
    for request in [
        app.get(&format!("{path}?ids=1,2&names=a,b")),
        app.get(&format!("{path}?ids=1&ids=2&names=a&names=b")),
        app.get(&format!("{path}?ids=1&names=a,b&cli_version=1&ids=2")),
        app.post(path).form("ids=1,2&names=a&names=b"),
        app.post(path).form("ids=1&names=a%2Cb&ids=2"),
        app.post(path).json(&json!({"ids": [1, 2], "names": ["a", "b"]})),
        app.post(path).json(&json!({"ids": "1,2", "names": "a,b"})),
        app.post(path).body(json!({"ids": ["1", "2"], "names": "a,b"}).to_string()),
        app.post(&format!("{path}?ids=1&ids=2")).form("names=a&names=b"),
        app.post(&format!("{path}?ids=9&names=z")).form("ids=1&ids=2&names=a,b"),
    ] {
        assert_eq!(csv(request).await, expected);
    }
    assert_eq!(csv(app.get(path)).await, r#""[7]","['x']""#, "defaults");
    let error = app.get(&format!("{path}?ids=1&ids=x")).send().await.assert_error(400);
    assert!(error.contains('x'), "{error}");
}

#[tokio::test]
async fn names_that_no_template_knows_are_ignored() {
    let app = TestApp::new().await;
    app.create_endpoint("p", "% SELECT {{Int32(n, 1)}} AS n, {{String(tag, 'none')}} AS tag").await;
    let noise = "cli_version=6.5.5%20%28rev%29&from=ts-sdk&__tb__semver=0.0.1&__tb__deployment=staging&\
                 __tb__client=mcp-tinybird&debug=blocks&pipe_checker=true&release_replacements=true&playground=1&\
                 explain=false&template_parameters=x&query_id=1&include_datasource=a&unknown=%27%29%3B&=1&&";
    let token = format!("token={}", app.token());
    for request in [
        app.get(&format!("/v0/pipes/p.csv?{noise}&n=2")),
        app.get(&format!("/v0/pipes/p.csv?&n=2&{noise}")),
        app.anonymous().get(&format!("/v0/pipes/p.csv?{token}&{noise}&n=2&cli_version=1")),
        app.post(&format!("/v0/pipes/p.csv?{noise}")).form("n=2"),
        app.post("/v0/pipes/p.csv").form(&format!("n=2&{noise}")),
        app.anonymous()
            .post(&format!("/v0/pipes/p.csv?{token}&from=chart"))
            .json(&json!({"n": 2, "debug": {"a": [1]}})),
    ] {
        assert_eq!(csv(request).await, r#"2,"none""#);
    }
    assert_eq!(csv(app.get("/v0/pipes/p.csv?tag=mine")).await, r#"1,"mine""#, "a template may use a reserved name");
}

#[tokio::test]
async fn q_sees_the_parameters_of_the_endpoint() {
    let app = TestApp::new().await;
    app.create_endpoint("p", "% SELECT number AS n FROM numbers({{Int32(rows, 3)}})").await;
    for request in [
        app.get("/v0/pipes/p.csv?rows=5&q=SELECT+sum(n)+AS+s+FROM+_"),
        app.post("/v0/pipes/p.csv?rows=5").form("q=SELECT+sum(n)+AS+s+FROM+_"),
        app.post("/v0/pipes/p.csv").json(&json!({"q": "SELECT sum(n) AS s FROM _", "rows": 5})),
        app.post("/v0/pipes/p.csv?q=SELECT+sum(n)+AS+s+FROM+_").form("rows=5"),
    ] {
        assert_eq!(csv(request).await, "10");
    }
}

#[tokio::test]
async fn a_parameter_that_is_missing_or_of_the_wrong_type_is_named() {
    let app = TestApp::new().await;
    app.create_endpoint("p", "% SELECT {{Int32(rows, required=True)}} AS n").await;
    let missing = app.get("/v0/pipes/p.json").send().await.assert_error(400);
    assert!(missing.contains("rows"), "{missing}");
    for request in [app.get("/v0/pipes/p.json?rows=many"), app.post("/v0/pipes/p.json").json(&json!({"rows": "many"}))]
    {
        let wrong = request.send().await.assert_error(400);
        assert!(wrong.contains("rows") || wrong.contains("many"), "{wrong}");
    }
    app.post("/v0/pipes/p.json").json(&json!([1])).send().await.assert_error(400);
}
