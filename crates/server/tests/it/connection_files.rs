//! Connections as `.connection` files: their fields as settings, and their export.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use standpipe_core::model::Connection;
use standpipe_datafile::{ConnectionFile, Inputs, parse_connection_with};

use crate::support::{TestApp, key_file};

const ROLE: &str = "arn:aws:iam::123456789012:role/sinks";
const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB+made/up=\n-----END CERTIFICATE-----";

/// Every field of the files of services that are known here, and the connection that they make.
fn files() -> Vec<(String, &'static str, BTreeMap<&'static str, String>)> {
    let mut key = key_file("");
    key.as_object_mut().unwrap().remove("gcs_base_url");
    let key = key.to_string();
    let pem = PEM.replace('\n', "\n    ");
    let settings = |settings: &[(&'static str, &str)]| settings.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
    vec![
        (
            "TYPE s3\nS3_REGION eu-west-3\nS3_ACCESS_KEY AKIAVISIBLE\nS3_SECRET hush/+=\nS3_ENDPOINT http://127.0.0.1\n"
                .to_owned(),
            "s3",
            settings(&[
                ("s3_region", "eu-west-3"),
                ("s3_access_key_id", "AKIAVISIBLE"),
                ("s3_secret_access_key", "hush/+="),
                ("s3_endpoint", "http://127.0.0.1"),
            ]),
        ),
        (
            format!("TYPE S3\nS3_REGION eu-west-3\nS3_ARN {ROLE}\n"),
            "s3_iamrole",
            settings(&[("s3_iamrole_region", "eu-west-3"), ("s3_iamrole_arn", ROLE)]),
        ),
        (
            format!("TYPE gcs\nGCS_SERVICE_ACCOUNT_CREDENTIALS_JSON >\n    {key}\n"),
            "gcs_service_account",
            settings(&[("gcs_service_account_credentials_json", &key)]),
        ),
        (
            "TYPE gcs\nGCS_ACCESS_ID GOOGVISIBLE\nGCS_SECRET hush/+=\n".to_owned(),
            "gcs_hmac",
            settings(&[("gcs_hmac_access_id", "GOOGVISIBLE"), ("gcs_hmac_secret", "hush/+=")]),
        ),
        (
            "TYPE gcs\nGCS_HMAC_ACCESS_ID GOOGVISIBLE\nGCS_HMAC_SECRET \"it is # a {secret}\"\nGCS_REGION auto\n\
             GCS_ENDPOINT http://127.0.0.1:1\n"
                .to_owned(),
            "gcs_hmac",
            settings(&[
                ("gcs_hmac_access_id", "GOOGVISIBLE"),
                ("gcs_hmac_secret", "it is # a {secret}"),
                ("gcs_region", "auto"),
                ("gcs_endpoint", "http://127.0.0.1:1"),
            ]),
        ),
        (
            format!(
                "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS k1:9092,k2:9092\nKAFKA_KEY \"a key\"\nKAFKA_SECRET hush\n\
                 KAFKA_SCHEMA_REGISTRY_URL https://user:hush@registry\nKAFKA_SECURITY_PROTOCOL SASL_SSL\n\
                 KAFKA_SASL_MECHANISM OAUTHBEARER\nKAFKA_SASL_OAUTHBEARER_METHOD AWS\n\
                 KAFKA_SASL_OAUTHBEARER_AWS_REGION us-east-1\nKAFKA_SASL_OAUTHBEARER_AWS_ROLE_ARN {ROLE}\n\
                 KAFKA_SASL_OAUTHBEARER_AWS_EXTERNAL_ID ext\nKAFKA_SSL_CA_PEM >\n    {pem}\n"
            ),
            "kafka",
            settings(&[
                ("kafka_bootstrap_servers", "k1:9092,k2:9092"),
                ("kafka_key", "a key"),
                ("kafka_secret", "hush"),
                ("kafka_schema_registry_url", "https://user:hush@registry"),
                ("kafka_security_protocol", "SASL_SSL"),
                ("kafka_sasl_mechanism", "OAUTHBEARER"),
                ("kafka_sasl_oauthbearer_method", "AWS"),
                ("kafka_sasl_oauthbearer_aws_region", "us-east-1"),
                ("kafka_sasl_oauthbearer_aws_role_arn", ROLE),
                ("kafka_sasl_oauthbearer_aws_external_id", "ext"),
                ("kafka_ssl_ca_pem", PEM),
            ]),
        ),
    ]
}

fn parse(text: &str, inputs: &Inputs<'_>) -> ConnectionFile {
    parse_connection_with("c.connection", text, inputs).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The fields of a file, with `letters` done to their names.
fn fields(file: &ConnectionFile, name: &str, letters: fn(&str) -> String) -> Value {
    let params = file.params.iter().map(|param| (letters(param.keyword), json!(param.value)));
    let more = [(letters("type"), json!(file.kind.as_str())), ("name".to_owned(), json!(name))];
    Value::Object(params.chain(more).collect())
}

/// The service and the settings of a connection, with those that are secret.
fn kept(app: &TestApp, name: &str) -> (&'static str, BTreeMap<&'static str, String>) {
    let workspace = app.workspace();
    let connection: &Connection = workspace.connection(name).unwrap_or_else(|| panic!("no connection {name}"));
    let names = connection.service.settings().iter().map(|setting| setting.name);
    let values = names.filter_map(|name| Some((name, connection.settings.get(name)?.to_owned())));
    (connection.service.as_str(), values.collect())
}

#[tokio::test]
async fn fields_of_files_are_settings() {
    let app = TestApp::with(|config| config.outbound.allow_private_networks = true).await;
    for (number, (text, service, settings)) in files().into_iter().enumerate() {
        let file = parse(&text, &Inputs::default());
        for (way, letters) in [("upper", str::to_uppercase as fn(&str) -> String), ("lower", str::to_lowercase)] {
            let [by_json, by_form, by_query] = ["json", "form", "query"].map(|body| format!("{way}_{body}_{number}"));
            app.post("/v0/connectors").json(&fields(&file, &by_json, letters)).send().await.assert_status(200);
            let form = |name: &str| {
                let fields = fields(&file, name, letters);
                let pairs = fields.as_object().unwrap().iter().map(|(name, value)| (name, value.as_str().unwrap()));
                form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
            };
            app.post("/v0/connectors").form(&form(&by_form)).send().await.assert_status(200);
            app.post(&format!("/v0/connectors?{}", form(&by_query))).send().await.assert_status(200);
            for name in [by_json, by_form, by_query] {
                assert_eq!(kept(&app, &name), (service, settings.clone()), "{name}: {text}");
            }
        }
    }
    // Every keyword of these services is a setting: none is read over.
    let known: Vec<String> = files().iter().map(|(text, ..)| text.clone()).collect();
    let kinds = [standpipe_datafile::ConnectionKind::S3, standpipe_datafile::ConnectionKind::Gcs];
    for keyword in kinds.into_iter().chain([standpipe_datafile::ConnectionKind::Kafka]).flat_map(|it| it.keywords()) {
        assert!(known.iter().any(|text| text.contains(&format!("\n{keyword} "))), "{keyword} is not tried");
    }
}

#[tokio::test]
async fn a_file_of_two_services_is_none() {
    let app = TestApp::new().await;
    for (form, part) in [
        ("TYPE=s3&name=x&S3_ARN=a&S3_ACCESS_KEY=b&S3_SECRET=c", "'s3_iamrole'"),
        ("TYPE=gcs&name=x&GCS_SECRET=a&GCS_SERVICE_ACCOUNT_CREDENTIALS_JSON={}", "'gcs_hmac'"),
        ("TYPE=dynamodb&name=x&DYNAMODB_ARN=a", "'dynamodb'"),
        ("TYPE=s3&name=x", "s3_access_key_id"),
        ("TYPE=gcs&name=x&GCS_ACCESS_ID=a", "gcs_hmac_secret"),
    ] {
        let text = app.post("/v0/connectors").form(form).send().await.assert_error(400);
        assert!(text.contains(part), "{form}: {text}");
    }
}

#[tokio::test]
async fn an_exported_file_makes_the_same_connection() {
    let app = TestApp::with(|config| config.outbound.allow_private_networks = true).await;
    for (number, (text, service, settings)) in files().into_iter().enumerate() {
        let name = format!("my store {number}");
        let file = parse(&text, &Inputs::default());
        let created = app.post("/v0/connectors").json(&fields(&file, &name, str::to_uppercase)).send().await;
        let id = created.assert_status(200).json()["id"].as_str().unwrap().to_owned();
        let uri = format!("/v0/connectors/{}.connection", name.replace(' ', "%20"));
        let exported = app.get(&uri).send().await.assert_status(200);
        assert_eq!(exported.header("content-type"), Some("text/plain"));
        for secret in ["hush", "PRIVATE KEY", "it is # a"] {
            assert!(!exported.text().contains(secret), "{}", exported.text());
        }
        let described = app.get(&format!("{uri}?include_metadata=true")).send().await.assert_status(200).json();
        assert_eq!(described["content"], exported.text());
        let by_id = app.get(&format!("/v0/connectors/{id}.connection")).send().await.assert_status(200);
        assert_eq!(by_id.text(), exported.text());
        // Who sets the secrets that it names gets the connection back.
        let secret = |asked: &str| {
            let keyword = asked.strip_prefix(&format!("my_store_{number}_")).unwrap_or_else(|| panic!("{asked}"));
            file.param(&keyword.to_uppercase())
                .or(file.param(&keyword.to_uppercase().replace("_HMAC", "")))
                .map(str::to_owned)
        };
        let again = parse(exported.text(), &Inputs { variables: None, secrets: Some(&secret) });
        let again = fields(&again, "again", str::to_uppercase);
        app.post("/v0/connectors").json(&again).send().await.assert_status(200);
        assert_eq!(kept(&app, "again"), (service, settings), "{}", exported.text());
        app.delete("/v0/connectors/again").send().await.assert_status(204);
    }
    let described = app.get("/v0/connectors/my%20store%200.connection?include_metadata=true").send().await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&described.json()).unwrap(), @r##"
    {
      "content": "TYPE s3\nS3_ACCESS_KEY \"AKIAVISIBLE\"\nS3_SECRET {{ tb_secret(\"my_store_0_s3_secret\") }}\nS3_REGION \"eu-west-3\"\nS3_ENDPOINT \"http://127.0.0.1\"\n",
      "warnings": [
        {
          "message": "the value of S3_SECRET is not in the file: set the secret 'my_store_0_s3_secret'",
          "code": "secret_left_out"
        },
        {
          "message": "S3_ENDPOINT is a keyword of this server's own, which others do not read",
          "code": "own_keyword"
        }
      ]
    }
    "##);
}

#[tokio::test]
async fn only_admins_export_what_is_there() {
    let app = TestApp::new().await;
    let form = "service=s3&s3_access_key=a&s3_secret=hush&name=";
    app.post("/v0/connectors").form(&format!("{form}a.connection")).send().await.assert_status(200);
    let creator = app.with_scopes(&["PIPES:CREATE", "DATASOURCES:CREATE", "TOKENS"]).await;
    let other = app.other_workspace().await;
    for uri in ["/v0/connectors/a.connection", "/v0/connectors/a.connection.connection?include_metadata=true"] {
        creator.get(uri).send().await.assert_error(403);
        app.anonymous().get(uri).send().await.assert_error(403);
        other.get(uri).send().await.assert_error(404);
    }
    // A name that ends like a file's is a name.
    assert_eq!(app.get("/v0/connectors/a.connection").send().await.json()["name"], "a.connection");
    let file = app.get("/v0/connectors/a.connection.connection").send().await.assert_status(200);
    assert!(file.text().contains("S3_SECRET {{ tb_secret(\"a_connection_s3_secret\") }}"), "{}", file.text());
    for query in ["", "?include_metadata=true"] {
        let text = app.get(&format!("/v0/connectors/nope.connection{query}")).send().await.assert_error(404);
        assert!(text.contains("'nope'"), "{text}");
    }
}
