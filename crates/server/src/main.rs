//! The `standpipe` program.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use standpipe_server::cli::{Cli, Command, ConfigArgs, ConfigCommand, ServeArgs};
use standpipe_server::{config, engine_entry, job_cli, render, serve, telemetry};

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; there is nobody left to tell then.
            let _written = writeln!(std::io::stderr(), "ERROR {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Serve(args) => serve(&args),
        Command::Config(ConfigCommand::Check(args)) => check_config(&args),
        Command::Render(args) => render::run(&args),
        Command::Job(args) => job_cli::run(&args),
        // No runtime here: the engine confines its process before any thread starts.
        Command::Engine(args) => {
            telemetry::start_in_engine()?;
            engine_entry::run(args)
        }
    }
}

fn serve(args: &ServeArgs) -> Result<()> {
    let config = args.config.layers()?.config()?;
    telemetry::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.server.worker_threads())
        .enable_all()
        .build()
        .context("cannot start the server's threads")?;
    runtime.block_on(serve::run(config, args.sample.as_deref()))
}

fn check_config(args: &ConfigArgs) -> Result<()> {
    let layers = args.layers()?;
    layers.config()?;
    std::io::stdout().write_all(config::print_masked(&layers).as_bytes()).context("cannot print")
}
