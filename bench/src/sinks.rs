//! Sinks beside the engine's own writing of the same rows to a local file: processor time, since a store's speed is not ours.
//!
//! The store is a real S3 server inside this process, whose work is not counted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use http::Method;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::PrivatePkcs8KeyDer;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::jobs;
use crate::report;
use crate::sample::median;
use crate::server::{ProcessorTime, Server};

/// Turns of each comparison; figures are medians over them.
const ROUNDS: usize = 3;

const KEY: &str = "bench-key";
const SECRET: &str = "bench-secret";
const BUCKET: &str = "bench";

/// One format, beside what the engine alone needs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sink {
    pub(crate) format: &'static str,
    pub(crate) rows: u64,
    /// Processor time of server and engine for a million rows.
    pub(crate) sink_cpu_seconds: f64,
    /// The server's part of it.
    pub(crate) server_cpu_seconds: f64,
    /// The engine's for writing the same file.
    pub(crate) engine_cpu_seconds: f64,
    /// Median over the turns of the one over the other.
    pub(crate) ratio: f64,
}

/// Writes the rows of `jobs`'s source as files of each format, by sinks and by the engine alone, in turns.
pub(crate) async fn measure(server: &Server, rows: u64, store: &Store) -> Result<Vec<Sink>> {
    let connection = json!({
        "service": "s3", "name": "bench_store", "s3_access_key_id": KEY, "s3_secret_access_key": SECRET,
        "s3_region": "us-east-1", "s3_endpoint": store.endpoint,
    });
    server.call(Method::POST, "/v0/connectors", connection.to_string()).await?;
    let pipe = json!({"name": "bench_sink", "nodes": [{"name": "bench_sink_0", "sql": jobs::COPY_SQL}]});
    server.call(Method::POST, "/v0/pipes", pipe.to_string()).await?;
    let set = format!(
        "/v0/pipes/bench_sink/nodes/bench_sink_0/sink?connection=bench_store&path=s3://{BUCKET}/out\
         &file_template=rows&write_strategy=truncate"
    );
    server.call(Method::POST, &set, "").await?;
    let mut sinks = Vec::new();
    // The engine's formats with the same content: a header line; pages compressed in the same way. Formatting by several
    // threads is its own default, which ours is not.
    for (format, compression, engine_format, settings) in [
        ("csv", "none", "CSVWithNames", ""),
        ("ndjson", "gz", "JSONEachRow", ""),
        ("parquet", "snappy", "Parquet", ", output_format_parquet_compression_method = 'snappy'"),
    ] {
        report::progress(&format!("writing {format}"))?;
        let run = format!("/v0/pipes/bench_sink/sink?format={format}&compression={compression}");
        let file = server.data().join("engine").join(format!("bench_rows.{format}"));
        let method = if compression == "gz" { ", 'auto', 'gzip'" } else { "" };
        let write = format!(
            "INSERT INTO FUNCTION file('{}', '{engine_format}'{method}) {} \
             SETTINGS engine_file_truncate_on_insert = 1, output_format_parallel_formatting = 1{settings}",
            file.display(),
            jobs::COPY_SQL.replace(jobs::SOURCE, &jobs::table(server, jobs::SOURCE).await?),
        );
        let mut turns = Vec::new();
        for round in 0..=ROUNDS {
            jobs::settle(server).await?;
            let used = || server.cpu_seconds().context("the processor time of the processes is unknown");
            let before = used()?;
            jobs::engine(server, write.clone()).await?;
            let between = used()?;
            jobs::run(server, &run).await?;
            let after = used()?;
            // The first turn warms both up.
            if round > 0 {
                let all = |used: &ProcessorTime| used.server + used.engine;
                let own = after.server - between.server;
                turns.push((all(&after) - all(&between), own, all(&between) - all(&before)));
            }
        }
        std::fs::remove_file(&file).context("the engine wrote no file")?;
        let per_million = |seconds: f64| seconds * 1e6 / rows as f64;
        sinks.push(Sink {
            format,
            rows,
            sink_cpu_seconds: per_million(median(turns.iter().map(|(sink, _, _)| *sink))),
            server_cpu_seconds: per_million(median(turns.iter().map(|(_, server, _)| *server))),
            engine_cpu_seconds: per_million(median(turns.iter().map(|(_, _, engine)| *engine))),
            ratio: median(turns.iter().map(|(sink, _, engine)| sink / engine)),
        });
    }
    Ok(sinks)
}

/// An S3 server over TLS, as stores are reached. It ends with this process.
pub(crate) struct Store {
    endpoint: String,
    /// The file with the certificate to trust.
    certificate: PathBuf,
}

impl Store {
    /// Starts it over `folder`.
    pub(crate) async fn start(folder: &Path) -> Result<Store> {
        std::fs::create_dir_all(folder.join(BUCKET))?;
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).context("no certificate")?;
        let certificate = folder.join("certificate.pem");
        std::fs::write(&certificate, own.cert.pem())?;
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key.into())?;
        let files = s3s_fs::FileSystem::new(folder);
        let files = files.map_err(|error| anyhow::anyhow!("no store can be made: {error:?}"))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("https://localhost:{}", listener.local_addr()?.port());
        drop(tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(tls)), builder.build())));
        Ok(Store { endpoint, certificate })
    }

    /// What a server needs to reach it.
    pub(crate) fn environment(&self) -> Result<[(&str, &str); 2]> {
        let certificate = self.certificate.to_str().context("the certificate's path is no text")?;
        Ok([("STANDPIPE_OUTBOUND__ALLOW_PRIVATE_NETWORKS", "true"), ("SSL_CERT_FILE", certificate)])
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, service: S3Service) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, service) = (tls.clone(), service.clone());
        let answer = hyper::service::service_fn(move |request: http::Request<Incoming>| {
            let service = service.clone();
            async move { service.call(request.map(s3s::Body::from)).await }
        });
        // A connection that breaks fails the job, which says so.
        drop(tokio::spawn(async move {
            let stream = tls.accept(stream).await?;
            let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            anyhow::Ok(served.await?)
        }));
    }
}
