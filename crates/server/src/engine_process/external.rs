//! The loop that watches a ClickHouse server.

use standpipe_clickhouse::{Client, Error as ClientError};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{EngineState, Error, PING_PERIOD};

/// The oldest major version of ClickHouse that the product supports.
pub const OLDEST_MAJOR_VERSION: u32 = 24;

/// Asks the server once a second; runs until told to stop, or until the server proves unusable.
pub(super) async fn run(
    client: Client,
    state: watch::Sender<EngineState>,
    mut stop: oneshot::Receiver<()>,
) -> Result<(), Error> {
    let mut ticks = interval(PING_PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_known = state.borrow().is_ready();
        let next = async {
            ticks.tick().await;
            ask(&client, is_known).await
        };
        let answer = tokio::select! {
            biased;
            _ = &mut stop => return Ok(()),
            answer = next => answer?,
        };
        state.send_if_modified(|state| {
            let is_change = answer.is_ok() != state.is_ready();
            match &answer {
                Ok(()) if is_change => {
                    tracing::info!("the clickhouse server answers");
                    *state = EngineState::External;
                }
                Err(error) if is_change => {
                    tracing::error!(error = error as &dyn std::error::Error, "the clickhouse server does not answer");
                    *state = EngineState::Down { since: Instant::now() };
                }
                Ok(()) => {}
                Err(error) => tracing::debug!(%error, "the clickhouse server still does not answer"),
            }
            is_change
        });
    }
}

/// One question. The outer error ends the supervisor, the inner one means "not now".
async fn ask(client: &Client, is_known: bool) -> Result<Result<(), ClientError>, Error> {
    if is_known {
        return Ok(client.ping().await);
    }
    // The version is asked again after every outage: the server may have been replaced.
    match client.version().await {
        Ok(version) if is_supported(&version) => Ok(Ok(())),
        Ok(version) => Err(Error::TooOld { version }),
        Err(error @ (ClientError::Exception(_) | ClientError::Protocol { .. })) => Err(Error::Refused(error)),
        Err(error) => Ok(Err(error)),
    }
}

fn is_supported(version: &str) -> bool {
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| major >= OLDEST_MAJOR_VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_odd_versions_are_refused() {
        for version in ["24.8.4.13", "26.7.2.1", "25"] {
            assert!(is_supported(version), "{version}");
        }
        for version in ["18.16.1", "23.12.9", "", "new"] {
            assert!(!is_supported(version), "{version}");
        }
    }
}
