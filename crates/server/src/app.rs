//! What every handler can reach.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use standpipe_core::model::TokenId;
use standpipe_core::{Error, Standpipe};

use crate::api::local_tokens::LocalTokens;
use crate::config::Config;
use crate::engine_process::EngineHandle;
use crate::metrics::Metrics;

/// The state of the server. A clone shares it and costs one count: each layer and handler takes one for each request.
#[derive(Debug, Clone)]
pub struct App(Arc<State>);

/// What an [`App`] shares.
#[derive(Debug)]
pub struct State {
    /// The configuration, as merged at start.
    pub config: Arc<Config>,
    /// Runs statements, and tells whether it can.
    pub engine: EngineHandle,
    /// Counts what happens.
    pub metrics: Metrics,
    /// The product.
    pub standpipe: Arc<Standpipe>,
    /// The token that `GET /tokens` answers.
    admin_token: TokenId,
    prepared: AtomicBool,
}

impl App {
    /// The state of a server that has not yet looked after what its last run left.
    pub fn new(
        config: Arc<Config>,
        engine: EngineHandle,
        metrics: Metrics,
        standpipe: Arc<Standpipe>,
        admin_token: TokenId,
    ) -> App {
        let prepared = AtomicBool::new(false);
        App(Arc::new(State { config, engine, metrics, standpipe, admin_token, prepared }))
    }

    /// The tokens of a local installation, as they are now: a token may have been refreshed or deleted.
    pub fn local_tokens(&self) -> Result<LocalTokens, Error> {
        let snapshot = self.standpipe.catalog().snapshot();
        let mut workspaces = snapshot.workspaces();
        let token = workspaces.find_map(|workspace| workspace.tokens.get(&self.admin_token));
        let gone = || Error::TokenNotFound { reference: self.admin_token.to_string() };
        Ok(LocalTokens::of(token.ok_or_else(gone)?))
    }

    /// Whether what the last run left has been looked after. Until then no request may change or read anything.
    pub fn is_prepared(&self) -> bool {
        self.prepared.load(Ordering::Acquire)
    }

    /// Lets requests in.
    pub fn set_prepared(&self) {
        self.prepared.store(true, Ordering::Release);
    }
}

impl Deref for App {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}
