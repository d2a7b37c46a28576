//! Create, change, refresh and delete tokens.

mod scopes;

use std::sync::Arc;

use secrecy::SecretString;

use crate::access::{Access, mint_token_value};
use crate::error::{Error, Result};
use crate::model::{Grant, Scope, Token, TokenId, Workspace, WorkspaceId};
use crate::standpipe::Standpipe;
use crate::store::Change;

pub use scopes::NewScope;
use scopes::{read_scopes, replaced};

/// A token to create, or to change into.
#[derive(Clone, Debug, Default)]
pub struct NewToken {
    /// Its name.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// What kind of client made it.
    pub origin: Option<String>,
    /// What it allows. Empty means no change when changing a token.
    pub scopes: Vec<NewScope>,
}

impl Standpipe {
    /// Tokens that the caller may list: all of the workspace.
    pub fn tokens(&self, access: &Access) -> Result<Vec<Arc<Token>>> {
        access.require_tokens()?;
        let mut tokens: Vec<Arc<Token>> = access.workspace().tokens.values().cloned().collect();
        tokens.sort_by_key(|token| (token.created_at, token.id));
        Ok(tokens)
    }

    /// The token of this name, id or value. A token may read itself.
    pub fn token(&self, access: &Access, reference: &str) -> Result<Arc<Token>> {
        let found = access.workspace().token(reference).cloned();
        if found.as_ref().is_none_or(|token| token.id != access.token().id) {
            access.require_tokens()?;
        }
        found.ok_or_else(|| Error::TokenNotFound { reference: shown(reference) })
    }

    /// Creates a token.
    pub async fn create_token(&self, access: &Access, new: NewToken) -> Result<Arc<Token>> {
        access.require_tokens()?;
        let name = new
            .name
            .clone()
            .filter(|name| !name.trim().is_empty())
            .ok_or_else(|| Error::bad_request("a token needs a name: send name=<name>"))?;
        if new.scopes.is_empty() {
            return Err(Error::bad_request("a token needs at least one scope: send scope=PIPES:READ:<pipe>, say"));
        }
        let scopes = read_scopes(&self.reader, access, &new.scopes).await?;
        self.insert_token(access.workspace().id, &name, new, scopes, None).await
    }

    /// Creates the token of an installation's first start, or finds it. `value` fixes its secret.
    pub async fn admin_token(
        &self,
        workspace: &Workspace,
        name: &str,
        value: Option<SecretString>,
    ) -> Result<Arc<Token>> {
        let admins = || workspace.tokens.values().filter(|token| token.is_admin());
        // Its name may have been given to a token without ADMIN; any other admin token does as well.
        let known = admins().find(|token| token.name == name).or_else(|| admins().next());
        match (known, value) {
            (Some(token), None) => Ok(token.clone()),
            (Some(token), Some(value)) => self.put_value(workspace.id, token.id, value).await,
            (None, value) => {
                self.insert_token(workspace.id, name, NewToken::default(), vec![Scope::Admin.into()], value).await
            }
        }
    }

    async fn insert_token(
        &self,
        workspace: WorkspaceId,
        name: &str,
        new: NewToken,
        scopes: Vec<Grant>,
        value: Option<SecretString>,
    ) -> Result<Arc<Token>> {
        let id = TokenId(self.random.uuid());
        let value = value.unwrap_or_else(|| mint_token_value(&self.key, &self.random, workspace, id).into());
        let token = Arc::new(Token {
            id,
            name: name.to_owned(),
            description: new.description.unwrap_or_default(),
            origin: new.origin.unwrap_or_else(|| "C".to_owned()),
            scopes,
            value,
            created_at: self.clock.now(),
        });
        let (_, token) = self
            .catalog
            .change(workspace, |workspace| {
                refuse_taken(workspace, name)?;
                Ok((vec![Change::PutToken(token.clone())], token))
            })
            .await?;
        Ok(token)
    }

    /// The token of this name, id or value, for a caller who is about to change it.
    fn token_to_change(&self, access: &Access, reference: &str) -> Result<Arc<Token>> {
        access.require_tokens()?;
        let token = self.token(access, reference)?;
        if token.is_admin() {
            // Whoever could rename, refresh or delete it would soon be an admin, too.
            access.require_admin()?;
        }
        Ok(token)
    }

    /// Changes a token. Scopes, when there are any, replace all it had, but for the row filters that they leave out.
    pub async fn update_token(&self, access: &Access, reference: &str, update: NewToken) -> Result<Arc<Token>> {
        let id = self.token_to_change(access, reference)?.id;
        let scopes = read_scopes(&self.reader, access, &update.scopes).await?;
        let (_, token) = self
            .catalog
            .change(access.workspace().id, |workspace| {
                let mut token = Token::clone(current(workspace, id)?);
                refuse_to_lock_out(workspace, &token, &scopes)?;
                if let Some(name) = update.name.filter(|name| *name != token.name) {
                    refuse_taken(workspace, &name)?;
                    token.name = name;
                }
                token.description = update.description.unwrap_or(token.description);
                token.origin = update.origin.unwrap_or(token.origin);
                if !scopes.is_empty() {
                    token.scopes = replaced(&token.scopes, scopes);
                }
                let token = Arc::new(token);
                Ok((vec![Change::PutToken(token.clone())], token))
            })
            .await?;
        Ok(token)
    }

    /// Gives a token a new secret; the old one stops working at once.
    pub async fn refresh_token(&self, access: &Access, reference: &str) -> Result<Arc<Token>> {
        let id = self.token_to_change(access, reference)?.id;
        let workspace = access.workspace().id;
        let value = mint_token_value(&self.key, &self.random, workspace, id);
        self.put_value(workspace, id, value.into()).await
    }

    async fn put_value(&self, workspace: WorkspaceId, id: TokenId, value: SecretString) -> Result<Arc<Token>> {
        let (_, token) = self
            .catalog
            .change(workspace, |workspace| {
                let token = Arc::new(Token { value, ..Token::clone(current(workspace, id)?) });
                Ok((vec![Change::PutToken(token.clone())], token))
            })
            .await?;
        Ok(token)
    }

    /// Deletes a token. The last token with ADMIN stays, so that nobody is locked out.
    pub async fn delete_token(&self, access: &Access, reference: &str) -> Result<()> {
        let id = self.token_to_change(access, reference)?.id;
        self.catalog
            .change(access.workspace().id, |workspace| {
                let token = current(workspace, id)?;
                refuse_to_lock_out(workspace, token, &[Scope::Tokens.into()])?;
                Ok((vec![Change::RemoveToken(id)], ()))
            })
            .await?;
        Ok(())
    }

    /// The one token of the workspace that may read this pipe and is not an admin's, if there is exactly one and the
    /// caller may see it.
    pub fn unique_read_token(&self, access: &Access, pipe: crate::model::PipeId) -> Option<Arc<Token>> {
        let mut readers = access.workspace().tokens.values().filter(|token| token.holds(Scope::PipesRead(pipe)));
        let only = readers.next()?;
        if readers.next().is_some() {
            return None;
        }
        access.sees_secret(only).then(|| only.clone())
    }
}

fn current(workspace: &Workspace, id: TokenId) -> Result<&Arc<Token>> {
    workspace.tokens.get(&id).ok_or_else(|| Error::TokenNotFound { reference: id.to_string() })
}

fn refuse_taken(workspace: &Workspace, name: &str) -> Result<()> {
    if workspace.tokens.values().any(|token| token.name == name) {
        return Err(Error::NameTaken { taken_by: format!("token '{name}'") });
    }
    Ok(())
}

/// Fails when `token`, with these scopes instead of its own, would leave the workspace without an admin token.
fn refuse_to_lock_out(workspace: &Workspace, token: &Token, scopes: &[Grant]) -> Result<()> {
    let loses_admin = token.is_admin() && !scopes.is_empty() && !scopes.contains(&Scope::Admin.into());
    let others = workspace.tokens.values().any(|other| other.id != token.id && other.is_admin());
    if loses_admin && !others {
        return Err(Error::bad_request(format!(
            "token '{}' is the only one with ADMIN: give another token ADMIN first",
            token.name
        )));
    }
    Ok(())
}

/// A reference as an error may show it: never a whole token.
fn shown(reference: &str) -> String {
    match reference.starts_with("p.") {
        true => format!("{}…", reference.chars().take(6).collect::<String>()),
        false => reference.to_owned(),
    }
}
