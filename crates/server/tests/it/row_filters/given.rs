//! How filters are given, shown, kept and refused.

use serde_json::{Value, json};

use super::{acme, app, filtered, with_grants};

fn filters(token: &Value) -> Vec<(String, Option<String>)> {
    let text = |scope: &Value, key: &str| scope.get(key).and_then(Value::as_str).map(str::to_owned);
    let scopes = token["scopes"].as_array().unwrap();
    scopes.iter().map(|scope| (text(scope, "resource").unwrap_or_default(), text(scope, "filter"))).collect()
}

#[tokio::test]
async fn in_every_way_that_clients_send_them() {
    let app = app().await;
    app.create_endpoint("p", "SELECT tenant, n FROM events").await;
    let expected = [("events".to_owned(), Some("tenant = 'a:b' OR n > 1".to_owned()))];
    let query = "/v0/tokens?name=query&scope=DATASOURCES:READ:events:tenant%20=%20'a:b'%20OR%20n%20%3E%201";
    let made = app.post(query).send().await.assert_status(200).json();
    assert_eq!(filters(&made), expected);
    let form = "name=form&scope=DATASOURCES%3AREAD%3Aevents%3Atenant+%3D+%27a%3Ab%27+OR+n+%3E+1";
    let made = app.post("/v0/tokens").form(form).send().await.assert_status(200).json();
    assert_eq!(filters(&made), expected);
    let scope = json!({"type": "DATASOURCES:READ", "resource": "events", "filter": "tenant = 'a:b' OR n > 1"});
    let body = json!({"name": "json", "scopes": [scope]});
    let made = app.post("/v0/tokens").json(&body).send().await.assert_status(200).json();
    assert_eq!(filters(&made), expected);
    let read = app.get("/v0/tokens/json").send().await.assert_status(200).json();
    assert_eq!(filters(&read), expected);
    let pipe = app.post("/v0/tokens?name=pipe&scope=PIPES:READ:p:n%3D1").send().await.assert_status(200).json();
    assert_eq!(filters(&pipe), [("p".to_owned(), Some("n=1".to_owned()))]);
    // They are a part of the catalog that a start reads.
    let app = app.restart().await;
    let read = app.workspace().token("json").unwrap().scopes.clone();
    assert_eq!(read[0].filter.as_ref().unwrap().text, "tenant = 'a:b' OR n > 1");
}

#[tokio::test]
async fn what_is_no_filter_is_refused_when_it_is_saved() {
    let app = app().await;
    for (filter, says) in [
        ("nothing_of_it = 1", "nothing_of_it"),
        ("tenant", "filter"),
        ("1) OR (1", "closes nothing"),
        ("1; SELECT 2", "cannot stand in it"),
        ("tenant = 'a' FORMAT JSON", "is more"),
        ("SELECT 1", "cannot stand in it"),
        ("n > count()", "count"),
        ("n IN (SELECT n FROM absent)", "absent"),
        ("n IN (SELECT number FROM system.tables)", "system"),
        ("file('/etc/passwd') = ''", "file"),
        ("throwIf(tenant = 'blue') = 0", "throwIf"),
        ("arrayJoin([1, 1]) = 1", "arrayJoin"),
        ("n IN (SELECT * FROM url('http://127.0.0.1/'))", "url"),
        ("n > 'x'", "x"),
    ] {
        let scope = json!({"type": "DATASOURCES:READ", "resource": "events", "filter": filter});
        let body = json!({"name": "x", "scopes": [scope]});
        let error = app.post("/v0/tokens").json(&body).send().await.assert_error(400);
        assert!(error.contains(says) && error.contains(filter), "{filter}: {error}");
    }
    let error = app.post("/v0/tokens?name=x&scope=DATASOURCES:APPEND:events:n%3D1").send().await.assert_error(400);
    assert_eq!(
        error,
        "scope 'DATASOURCES:APPEND' cannot have the row filter 'n=1': only DATASOURCES:READ and PIPES:READ can"
    );
    app.post("/v0/tokens?name=x&scope=TOKENS::n%3D1").send().await.assert_error(400);
    app.post("/v0/tokens?name=x&scope=PIPES:READ::n%3D1").send().await.assert_error(400);
}

#[tokio::test]
async fn nothing_reaches_outside_through_a_filter() {
    let app = app().await;
    let workspace = app.workspace();
    let table = format!("{}.{}", workspace.database, workspace.data_source("allowed").unwrap().table().rows());
    let own = format!("tenant IN (SELECT t FROM {table})");
    for filter in [
        own.as_str(),
        "tenant IN system.users",
        "in(n, system.one)",
        "n IN (SELECT 1 FROM default.x)",
        "dictHas('d', n)",
        "joinGet('d.t', 'x', n) = 1",
        "hasColumnInTable('system', 'one', 'dummy')",
        "has(arrayMap(file, ['/etc/hostname']), tenant)",
        "n IN (SELECT * FROM '/etc/passwd')",
        "n IN (SELECT * FROM file('/etc/passwd'))",
        "n IN (SELECT * FROM remote('127.0.0.1', system.one))",
        "n IN (EXPLAIN SELECT 1)",
        "n IN (SELECT 1 SETTINGS readonly = 0)",
        "((a, b) -> 1) AS equals",
        "tenant = \u{2018}acme\u{2019}",
        "1 -- \n) OR (1",
        "1 /*",
        "1 SETTINGS readonly = 0",
        "1 INTO OUTFILE '/tmp/x'",
        "1 UNION ALL SELECT 1",
        "sleep(3) = 0",
        "n IN (SELECT n FROM _)",
    ] {
        let scope = json!({"type": "DATASOURCES:READ", "resource": "events", "filter": filter});
        let answer = app.post("/v0/tokens").json(&json!({"name": "x", "scopes": [scope]})).send().await;
        let error = answer.assert_error(400);
        assert!(error.contains("cannot be used"), "{filter}: {error}");
    }
    assert_eq!(app.workspace().tokens.len(), 1, "nothing was saved");
}

#[tokio::test]
async fn a_filter_names_what_its_author_may_read() {
    let app = app().await;
    let filter = "DATASOURCES:READ:events:tenant IN (SELECT t FROM allowed)";
    let body = json!({"name": "made", "scopes": [filter]});
    let poor = app.with_scopes(&["TOKENS"]).await;
    let error = poor.post("/v0/tokens").json(&body).send().await.assert_error(403);
    assert!(error.contains("allowed"), "{error}");
    let grants = json!(["TOKENS", {"type": "DATASOURCES:READ", "resource": "allowed", "filter": "t = 'acme'"}]);
    let partly = with_grants(&app, &grants).await;
    partly.post("/v0/tokens").json(&body).send().await.assert_error(403);
    let reader = app.with_scopes(&["TOKENS", "DATASOURCES:READ:allowed"]).await;
    reader.post("/v0/tokens").json(&body).send().await.assert_status(200);
}

#[tokio::test]
async fn changing_a_token_never_drops_a_filter_by_accident() {
    let app = app().await;
    let client = acme(&app).await;
    let own = format!("/v0/tokens/{}", client.token());
    let held = Some("tenant = 'acme'".to_owned());
    // An old client sends back what it understands.
    let changed = app.put(&format!("{own}?scope=DATASOURCES:READ:events&scope=TOKENS")).send().await.assert_status(200);
    assert_eq!(filters(&changed.json()), [("events".to_owned(), held.clone()), (String::new(), None)]);
    let described = app.put(&format!("{own}?description=text")).send().await.assert_status(200).json();
    assert_eq!(filters(&described)[0].1, held);
    let refreshed = app.post(&format!("{own}/refresh")).send().await.assert_status(200).json();
    assert_eq!(filters(&refreshed)[0].1, held);
    let own = format!("/v0/tokens/{}", refreshed["token"].as_str().unwrap());
    let other = app.put(&format!("{own}?scope=DATASOURCES:READ:events:n%3D1")).send().await.assert_status(200).json();
    assert_eq!(filters(&other)[0].1.as_deref(), Some("n=1"));
    // Whoever means it takes the scope away first.
    app.put(&format!("{own}?scope=TOKENS")).send().await.assert_status(200);
    let wide = app.put(&format!("{own}?scope=DATASOURCES:READ:events")).send().await.assert_status(200).json();
    assert_eq!(filters(&wide), [("events".to_owned(), None)]);
}

#[tokio::test]
async fn filters_follow_renames() {
    let app = app().await;
    let filter = "events.tenant IN (SELECT allowed.t FROM allowed WHERE allowed.t != 'blue')";
    let client = filtered(&app, "DATASOURCES:READ", "events", filter).await;
    assert_eq!(client.rows("SELECT count(), uniq(tenant) FROM events").await, "10\t1\n");
    app.put("/v0/datasources/events?name=log").send().await.assert_status(200);
    app.put("/v0/datasources/allowed?name=tenants").send().await.assert_status(200);
    // Whoever takes the old name decides nothing.
    app.create_data_source("allowed", "t String `json:$.t`").await;
    app.send_events("allowed", "{\"t\":\"core\"}").await;
    assert_eq!(client.rows("SELECT count(), any(tenant) FROM log").await, "10\tacme\n");
    let shown = client.get(&format!("/v0/tokens/{}", client.token())).send().await.json();
    assert_eq!(filters(&shown), [("log".to_owned(), Some(filter.to_owned()))]);

    app.delete("/v0/datasources/tenants?force=true").send().await.assert_status(204);
    let error = client.sql("SELECT count() FROM log").await.assert_error(400);
    assert!(error.starts_with("the token's row filter on 'log' cannot be applied"), "{error}");
}
