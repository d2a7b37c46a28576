//! What owners of buckets need to let the server in.

use serde_json::{Value, json};
use standpipe_server::config::Config;

use crate::support::TestApp;

const TRUST: &str = "/v0/integrations/s3/policies/trust-policy";

pub(crate) fn with_identity(config: &mut Config) {
    config.aws.principal = Some("arn:aws:iam::123456789012:root".to_owned());
    config.aws.access_key_id = Some("own-key".to_owned());
    config.aws.secret_access_key = Some("own-secret".into());
}

fn external_id(policy: &Value) -> String {
    policy["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn without_an_identity_there_is_no_trust() {
    let app = TestApp::new().await;
    assert!(app.get(TRUST).send().await.assert_error(404).starts_with("S3 integration not supported in your region"));
    app.get("/v0/integrations/s3/settings").send().await.assert_error(404);
    let text = app.get("/v0/datasources-bigquery-credentials").send().await.assert_error(503);
    assert!(text.starts_with("feature not enabled in your region"), "{text}");
}

#[tokio::test]
async fn the_trust_policy_names_the_workspace() {
    let app = TestApp::with(with_identity).await;
    let policy = app.get(TRUST).send().await.assert_status(200).json();
    let id = external_id(&policy);
    assert_eq!(
        policy,
        json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
                "Condition": {"StringEquals": {"sts:ExternalId": id}},
            }],
        })
    );
    assert_eq!(id.len(), 32);
    let settings = app.get("/v0/integrations/s3/settings").send().await.assert_status(200).json();
    assert_eq!(settings, json!({"principal": "arn:aws:iam::123456789012:root", "external_id": id}));
    let app = app.restart().await;
    assert_eq!(external_id(&app.get(TRUST).send().await.json()), id);
    let role = app.get("/v0/integrations/s3_iamrole/policies/trust-policy").send().await.assert_status(200);
    assert_eq!(external_id(&role.json()), id);
    assert_eq!(app.get("/v0/integrations/s3_iamrole/settings").send().await.assert_status(200).json(), settings);
    for path in ["policies/trust-policy", "settings"] {
        app.get(&format!("/v0/integrations/gcs/{path}")).send().await.assert_error(404);
    }
    let other = app.other_workspace().await.get(TRUST).send().await.assert_status(200).json();
    assert_ne!(external_id(&other), id);
}

#[tokio::test]
async fn access_policies_name_the_bucket() {
    let app = TestApp::new().await;
    let get = |path: &str| app.get(&format!("/v0/integrations/s3/policies/{path}")).send();
    let policy = get("access-policy?bucket=test").await.assert_status(200).json();
    let statements = policy["Statement"].as_array().unwrap();
    assert_eq!(statements[0]["Action"], json!(["s3:GetBucketLocation", "s3:ListBucket"]));
    assert_eq!(statements[0]["Resource"], "arn:aws:s3:::test");
    assert_eq!(statements[1]["Resource"], "arn:aws:s3:::test/*");
    let actions = statements[1]["Action"].as_array().unwrap();
    assert!(actions.contains(&json!("s3:GetObject")) && actions.contains(&json!("s3:PutObject")), "{actions:?}");
    assert_eq!(get("write-access-policy?bucket=test").await.assert_status(200).json(), policy);
    let open = get("access-policy").await.assert_status(200).json();
    assert_eq!(open["Statement"][0]["Resource"], "arn:aws:s3:::<bucket>");
    let reads = get("read-access-policy?bucket=test").await.assert_status(200).json();
    assert_eq!(reads["Statement"][1]["Action"], json!(["s3:GetObject"]));
    get("access-policy?bucket=a%22b").await.assert_error(400);
    // Clients say what the connection's service is called; other stores have no policies.
    for path in ["policies/access-policy", "policies/write-access-policy", "policies/read-access-policy"] {
        let s3 = app.get(&format!("/v0/integrations/s3/{path}")).send().await.json();
        let role = app.get(&format!("/v0/integrations/s3_iamrole/{path}")).send().await.assert_status(200);
        assert_eq!(role.json(), s3);
        let text = app.get(&format!("/v0/integrations/gcs/{path}")).send().await.assert_error(404);
        assert!(text.contains("'gcs'"), "{text}");
    }
    let creator = app.with_scopes(&["PIPES:CREATE"]).await;
    creator.get("/v0/integrations/s3/policies/access-policy").send().await.assert_error(403);
}
