//! `standpipe job`: the jobs of a running server, over HTTP.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How often a job that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// How often in a row the server may be away meanwhile: jobs outlive its restart, so that waiting for one does, too.
const AWAY: u32 = 240;

/// `standpipe job`
#[derive(Debug, Args)]
pub struct JobArgs {
    /// What to do.
    #[command(subcommand)]
    command: JobCommand,
    /// Address of the server.
    #[arg(long, global = true, env = "STANDPIPE_HOST", default_value = "http://127.0.0.1:7181", value_name = "URL")]
    host: String,
    /// Token to use; without one, a server on this machine is asked for its own.
    #[arg(long, global = true, env = "STANDPIPE_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
enum JobCommand {
    /// List the jobs of the last 48 hours, newest first.
    Ls {
        /// Only jobs of this status.
        #[arg(long)]
        status: Option<String>,
        /// Only jobs of this kind, such as copy.
        #[arg(long)]
        kind: Option<String>,
    },
    /// Show one job.
    Show {
        /// Its id.
        id: String,
        /// Wait until it has ended.
        #[arg(long)]
        wait: bool,
    },
    /// Stop a job.
    Cancel {
        /// Its id.
        id: String,
        /// Wait until it has ended.
        #[arg(long)]
        wait: bool,
    },
}

/// Does what the arguments say and prints the answer to standard output.
///
/// # Errors
/// Why the server cannot be asked, or what it answers; when a job that was waited for ended in error, that.
pub fn run(args: &JobArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(async {
        let server = Server::new(args).await?;
        match &args.command {
            JobCommand::Ls { status, kind } => {
                let fields = [("status", status), ("kind", kind)];
                let given = fields.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
                let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
                print(&table(&server.ask(Method::GET, &format!("/v0/jobs?{query}")).await?))
            }
            JobCommand::Show { id, wait } => {
                let job = server.job(id).await?;
                show(if *wait { server.wait(job).await? } else { job }, *wait)
            }
            JobCommand::Cancel { id, wait } => {
                let job = server.ask(Method::POST, &format!("/v0/jobs/{}/cancel", encoded(id))).await?;
                show(if *wait { server.wait(job).await? } else { job }, false)
            }
        }
    })
}

/// The server is starting, stopping or overloaded.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unavailable(String);

/// A server that is asked.
struct Server {
    client: Client,
    host: String,
    token: String,
}

impl Server {
    async fn new(args: &JobArgs) -> Result<Server> {
        let client = Client::builder().timeout(TIMEOUT).build().context("cannot make requests")?;
        let host = args.host.trim_end_matches('/').to_owned();
        let mut server = Server { client, host, token: String::new() };
        server.token = match &args.token {
            Some(token) => token.clone(),
            None => {
                let tokens = server.ask(Method::GET, "/tokens").await;
                let tokens = tokens.context("no token: give one with --token or STANDPIPE_TOKEN")?;
                text(&tokens, "admin_token").to_owned()
            }
        };
        Ok(server)
    }

    async fn ask(&self, method: Method, path: &str) -> Result<Value> {
        let what = format!("{}{path}", self.host);
        let mut request = self.client.request(method, &what);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let answer = request.send().await.with_context(|| format!("could not reach '{}'", self.host))?;
        let status = answer.status();
        let body = answer.bytes().await.with_context(|| format!("could not read the answer of '{what}'"))?;
        let json: Value = serde_json::from_slice(&body)
            .with_context(|| format!("'{what}' answered {status} and no JSON: is this a standpipe server?"))?;
        if status.is_success() {
            return Ok(json);
        }
        let error = json["error"].as_str().unwrap_or(status.as_str()).to_owned();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return Err(Unavailable(error).into());
        }
        bail!("{error}")
    }

    async fn job(&self, id: &str) -> Result<Value> {
        self.ask(Method::GET, &format!("/v0/jobs/{}", encoded(id))).await
    }

    /// Looks at the job until it has ended, and shows on standard error how it is getting on.
    async fn wait(&self, mut job: Value) -> Result<Value> {
        let progress = Progress::new();
        let id = text(&job, "id").to_owned();
        let mut away = 0;
        while !["done", "error", "cancelled"].contains(&text(&job, "status")) {
            progress.tell(&job)?;
            tokio::time::sleep(LOOK).await;
            job = match self.job(&id).await {
                Ok(job) => {
                    away = 0;
                    job
                }
                Err(error) if away < AWAY && is_away(&error) => {
                    away += 1;
                    job
                }
                Err(error) => return Err(error),
            };
        }
        progress.end();
        Ok(job)
    }
}

/// Whether asking again may help: the server was not reached, or says so.
fn is_away(error: &anyhow::Error) -> bool {
    error.is::<reqwest::Error>() || error.is::<Unavailable>()
}

/// A bar on a terminal, lines elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
    last: std::cell::RefCell<String>,
}

impl Progress {
    fn new() -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg} [{bar:40}] {percent}% {elapsed}");
            ProgressBar::new(100).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Progress { bar, last: Default::default() }
    }

    fn tell(&self, job: &Value) -> Result<()> {
        let percent = job["progress_percentage"].as_f64();
        if let Some(bar) = &self.bar {
            bar.set_message(text(job, "status").to_owned());
            // Between 0 and 100.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the server bounds it")]
            bar.set_position(percent.unwrap_or_default() as u64);
            return Ok(());
        }
        let line = match percent {
            Some(percent) => format!("{} {percent:.0}%", text(job, "status")),
            None => text(job, "status").to_owned(),
        };
        if self.last.replace(line.clone()) != line {
            writeln!(std::io::stderr(), "{line}").context("cannot print")?;
        }
        Ok(())
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Prints a job; one that failed is an error to those who wait for it.
fn show(job: Value, must_be_done: bool) -> Result<()> {
    let mut lines = String::new();
    for (name, value) in job.as_object().into_iter().flatten().filter(|(name, _)| *name != "job_id") {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        lines.push_str(&format!("{name:<20} {value}\n"));
    }
    print(&lines)?;
    match text(&job, "status") {
        status @ ("error" | "cancelled") if must_be_done => bail!("the job ended: {status}"),
        _ => Ok(()),
    }
}

fn table(answer: &Value) -> String {
    let mut lines =
        format!("{:<36}  {:<12} {:<10} {:<19}  {:<19}  {}\n", "id", "kind", "status", "created", "updated", "pipe");
    for job in answer["jobs"].as_array().into_iter().flatten() {
        let seconds = |name| text(job, name).get(..19).unwrap_or_default();
        lines.push_str(&format!(
            "{:<36}  {:<12} {:<10} {:<19}  {:<19}  {}\n",
            text(job, "id"),
            text(job, "kind"),
            text(job, "status"),
            seconds("created_at"),
            seconds("updated_at"),
            text(job, "pipe_name"),
        ));
    }
    lines
}

fn text<'a>(json: &'a Value, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_default()
}

/// An id as a part of a path.
fn encoded(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

fn print(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot print")
}
