//! A sink whose store is reached over TLS: its certificate is checked, and what is sent carries no signature of its own.

use std::sync::Mutex;

use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::PrivatePkcs8KeyDer;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A store for `localhost`, and how the bodies of its requests were signed.
struct Store {
    folder: tempfile::TempDir,
    endpoint: String,
    signatures: Arc<Mutex<BTreeSet<String>>>,
}

impl Store {
    async fn start() -> Store {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bucket")).unwrap();
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(folder.path().join("certificate.pem"), own.cert.pem()).unwrap();
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key.into())
            .unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("key", "secret"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let signatures = Arc::default();
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(tls)), builder.build(), Arc::clone(&signatures)));
        Store { folder, endpoint, signatures }
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, service: S3Service, signatures: Arc<Mutex<BTreeSet<String>>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, service, signatures) = (tls.clone(), service.clone(), Arc::clone(&signatures));
        tokio::spawn(async move {
            // A client that does not trust the certificate leaves.
            let Ok(stream) = tls.accept(stream).await else { return };
            let answer = hyper::service::service_fn(move |request: http::Request<Incoming>| {
                let signature = request.headers()["x-amz-content-sha256"].to_str().unwrap().to_owned();
                signatures.lock().unwrap().insert(signature);
                let service = service.clone();
                async move { service.call(request.map(s3s::Body::from)).await }
            });
            // Its end is the client's business.
            let _ended =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_over_tls_is_trusted_by_its_certificate() {
    let (store, folder) = (Store::start().await, tempfile::tempdir().unwrap());
    let connection = json!({
        "service": "s3", "name": "store", "s3_access_key_id": "key", "s3_secret_access_key": "secret",
        "s3_endpoint": store.endpoint,
    });
    let sink = "/v0/pipes/numbers/nodes/numbers_0/sink?connection=store&path=s3://bucket/out&file_template=n";
    let private = ("STANDPIPE_OUTBOUND__ALLOW_PRIVATE_NETWORKS", "true");

    let server = Server::start_with(folder.path(), &[], &[private]).await;
    let caller = server.caller.clone();
    caller.post("/v0/connectors", &connection.to_string()).await;
    let pipe = json!({"name": "numbers", "sql": "SELECT number AS n FROM numbers(2000000)"});
    caller.post("/v0/pipes", &pipe.to_string()).await;
    let (status, _, refused) = caller.try_post(sink, "").await.unwrap();
    assert_eq!(status, 400, "{refused}");
    assert!(refused.contains("certificate"), "{refused}");
    server.stop().await;

    let certificate = store.folder.path().join("certificate.pem");
    let trust = ("SSL_CERT_FILE", certificate.to_str().unwrap());
    let server = Server::start_with(folder.path(), &[], &[private, trust]).await;
    let caller = server.caller.clone();
    caller.post(sink, "").await;
    let run: Value = serde_json::from_str(&caller.post("/v0/pipes/numbers/sink", "").await).unwrap();
    let job = until_ended(&caller, run["job"]["id"].as_str().unwrap()).await;
    assert_eq!(job["status"], "done", "{job}");
    assert_eq!(job["written_rows"], 2_000_000, "{job}");
    let written = std::fs::read_to_string(store.folder.path().join("bucket/out/n.csv")).unwrap();
    let expected: Vec<String> =
        std::iter::once("\"n\"".to_owned()).chain((0..2_000_000).map(|n| n.to_string())).collect();
    assert!(written.lines().eq(expected.iter()), "{} lines", written.lines().count());
    assert_eq!(*store.signatures.lock().unwrap(), BTreeSet::from(["UNSIGNED-PAYLOAD".to_owned()]));
    server.stop().await;
}
