//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::{Error, Layers};
use crate::engine_entry::EngineArgs;
use crate::job_cli::JobArgs;
use crate::render::RenderArgs;

/// Standpipe turns ClickHouse SQL into governed HTTP APIs.
#[derive(Debug, Parser)]
#[command(name = "standpipe", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the server.
    Serve(ServeArgs),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Render templates to SQL.
    Render(RenderArgs),
    /// Look at, stop and wait for the jobs of a running server.
    Job(JobArgs),
    /// The embedded engine's process; `serve` starts it.
    #[command(hide = true)]
    Engine(EngineArgs),
}

/// `standpipe serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Load the data project in this directory if the data directory is new.
    #[arg(long, value_name = "DIR")]
    pub sample: Option<PathBuf>,
}

/// `standpipe config`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check the configuration and print it as merged, secrets masked.
    Check(ConfigArgs),
}

/// Flags that are a layer of the configuration.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Directory that holds everything.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address and port of the HTTP API.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl ConfigArgs {
    /// Merges defaults, file, environment and these flags.
    ///
    /// # Errors
    /// As [`Layers`]' methods.
    pub fn layers(&self) -> Result<Layers, Error> {
        let mut layers = Layers::defaults();
        if let Some(path) = &self.config {
            layers = layers.file(path)?;
        }
        layers = layers.process_environment()?;
        if let Some(data) = &self.data {
            layers = layers.value("server.data", &data.to_string_lossy(), "--data")?;
        }
        if let Some(listen) = &self.listen {
            layers = layers.value("server.listen", &listen.to_string(), "--listen")?;
        }
        Ok(layers)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_reach_the_configuration() {
        let cli = Cli::try_parse_from(["standpipe", "serve", "--data", "/d", "--listen", "127.0.0.1:0"]).unwrap();
        let Command::Serve(args) = cli.command else { panic!("not serve") };
        let config = args.config.layers().unwrap().config().unwrap();
        assert_eq!(config.server.data, std::path::Path::new("/d"));
        assert_eq!(config.server.listen.port(), 0);
    }
}
