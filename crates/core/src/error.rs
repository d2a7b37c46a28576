//! What can go wrong, as facts of the product. Status codes are the server's business.

mod passing;

use standpipe_clickhouse as clickhouse;
use standpipe_template::ErrorClass;

/// Result of the product's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed operation. `Display` is what the client reads; causes that are ours alone go to the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No token came with the request.
    #[error("this request needs a token: send 'Authorization: Bearer <token>' or '?token=<token>'")]
    TokenMissing,
    /// The token is not one of ours.
    #[error("the token is unknown or was deleted")]
    TokenUnknown,
    /// The token does not allow this.
    #[error("the token does not allow this: it needs {needed}")]
    Forbidden {
        /// The scopes that would do, in words.
        needed: String,
    },
    /// A name in SQL that the token may not read, or that does not exist.
    #[error("the token cannot read '{name}', or there is no such resource")]
    NameForbidden {
        /// As written in the SQL.
        name: String,
    },
    /// A name in SQL that stands for nothing.
    #[error("resource '{name}' not found: it is no data source, pipe or earlier node of this pipe")]
    NameUnknown {
        /// As written in the SQL.
        name: String,
    },
    /// SQL names a service data source that there is none of.
    #[error("service data source 'tinybird.{name}' not found: there are {}", crate::service_data::names())]
    ServiceDataUnknown {
        /// As written in the SQL, without the database.
        name: String,
    },
    /// A name breaks the rules for names.
    #[error("'{name}' cannot be a name: {reason}")]
    BadName {
        /// As sent.
        name: String,
        /// The rule.
        reason: &'static str,
    },
    /// Another resource has the name.
    #[error("there is already a {taken_by}: names are unique in a workspace")]
    NameTaken {
        /// What has the name, with the name.
        taken_by: String,
    },
    /// Another request changed the pipe while this one looked at its SQL.
    #[error("pipe '{name}' was changed by another request at the same time: look at it, then send the request again")]
    ChangedMeanwhile {
        /// The pipe's name.
        name: String,
    },
    /// No such data source.
    #[error("data source '{name}' not found")]
    DataSourceNotFound {
        /// Name or id as sent.
        name: String,
    },
    /// No such pipe.
    #[error("pipe '{name}' not found")]
    PipeNotFound {
        /// Name or id as sent.
        name: String,
    },
    /// No such node, on a route about the node.
    #[error("node '{node}' not found in pipe '{pipe}'")]
    NodeNotFound {
        /// The pipe's name.
        pipe: String,
        /// Name or id as sent.
        node: String,
    },
    /// No such node, on a route where the documents call it a bad request.
    #[error("pipe '{pipe}' has no node '{node}'")]
    WrongNode {
        /// The pipe's name.
        pipe: String,
        /// Name or id as sent.
        node: String,
    },
    /// The pipe's data was asked for, but no node is published.
    #[error("pipe '{pipe}' is not published: publish one of its nodes as an endpoint first")]
    NotPublished {
        /// The pipe's name.
        pipe: String,
    },
    /// The node is published.
    #[error("node '{node}' is {} pipe '{pipe}': {} it first", published_as(.role), unset_word(.role))]
    NodePublished {
        /// What it does: `endpoint`, `copy`, `materialized`, `sink`.
        role: &'static str,
        /// The pipe's name.
        pipe: String,
        /// The node's name.
        node: String,
    },
    /// The pipe does something else already.
    #[error(
        "pipe '{pipe}' cannot be {}: its node '{node}' is {}, and a pipe does one thing. \
         Unset that first with DELETE /v0/pipes/{pipe}/nodes/{node}/{}", pipe_as(.asked), node_as(.holds), role_route(.holds)
    )]
    RoleTaken {
        /// The pipe's name.
        pipe: String,
        /// The node that does something.
        node: String,
        /// What it does: `endpoint`, `copy`, `materialized`, `sink`.
        holds: &'static str,
        /// What it should do instead: one of the same.
        asked: &'static str,
    },
    /// The pipe is a copy pipe already.
    #[error(
        "pipe '{pipe}' is a copy pipe already: change it with PUT /v0/pipes/{pipe}/nodes/{node}/copy, or unset it first \
         with DELETE /v0/pipes/{pipe}/nodes/{node}/copy"
    )]
    CopySet {
        /// The pipe's name.
        pipe: String,
        /// Its copy node.
        node: String,
    },
    /// The pipe is no copy pipe.
    #[error("pipe '{pipe}' is not a copy pipe: set it with POST /v0/pipes/{pipe}/nodes/<node>/copy first")]
    NotCopy {
        /// The pipe's name.
        pipe: String,
    },
    /// The node has a view already.
    #[error(
        "node '{node}' of pipe '{pipe}' is already materialized: unlink it first with \
             DELETE /v0/pipes/{pipe}/nodes/{node}/materialization"
    )]
    AlreadyMaterialized {
        /// The pipe's name.
        pipe: String,
        /// The node's name.
        node: String,
    },
    /// The node has no view.
    #[error(
        "node '{node}' of pipe '{pipe}' is not materialized: \
             POST /v0/pipes/{pipe}/nodes/{node}/materialization?datasource=<name> first"
    )]
    NotMaterialized {
        /// The pipe's name.
        pipe: String,
        /// The node's name.
        node: String,
    },
    /// The target of a view was to be made anew, and others use it.
    #[error(
        "data source '{name}' cannot be overridden: the materialized views of {used_by} use it, too. Unlink them first"
    )]
    CannotOverride {
        /// The data source's name.
        name: String,
        /// Names of the pipes.
        used_by: String,
    },
    /// Rows are stored, but a view over them failed.
    #[error(
        "the rows are stored in '{name}', but the materialized view of pipe '{pipe}' failed, so that its target lacks \
             them: {message}. Sending the rows again stores them twice"
    )]
    ViewFailed {
        /// The data source's name.
        name: String,
        /// The pipe's name.
        pipe: String,
        /// `ClickHouse`'s error code.
        code: i32,
        /// The engine's text.
        message: String,
    },
    /// The pipe is no sink.
    #[error("pipe '{pipe}' is not a sink pipe: set it with POST /v0/pipes/{pipe}/nodes/<node>/sink first")]
    NotSink {
        /// The pipe's name.
        pipe: String,
    },
    /// The pipe is a sink already.
    #[error("pipe '{pipe}' is a sink pipe already: unset it first with DELETE /v0/pipes/{pipe}/nodes/{node}/sink")]
    SinkSet {
        /// The pipe's name.
        pipe: String,
        /// Its sink node.
        node: String,
    },
    /// The query may not be run by a sink.
    #[error("the query cannot be run: {reason}")]
    QueryForbidden {
        /// The rule, and what breaks it.
        reason: String,
    },
    /// No such connection.
    #[error("connection '{name}' not found: GET /v0/connectors lists those that there are")]
    ConnectionNotFound {
        /// Name or id as sent.
        name: String,
    },
    /// The connection is still in use.
    #[error("connection '{name}' is used by {used_by}: unset that first")]
    ConnectionInUse {
        /// The connection's name.
        name: String,
        /// Pipes that use it.
        used_by: String,
    },
    /// A job of a sink still uses the connection.
    #[error("connection '{name}' is used by job '{job}': wait until that has ended, or cancel it")]
    ConnectionInJob {
        /// The connection's name.
        name: String,
        /// The job's id.
        job: crate::model::JobId,
    },
    /// The object store knows no such bucket.
    #[error("bucket '{bucket}' not found, or it is another region's: {reason}")]
    BucketNotFound {
        /// The bucket's name.
        bucket: String,
        /// What the store says.
        reason: String,
    },
    /// The object store refuses the connection's credentials.
    #[error("the credentials of connection '{connection}' are refused: {reason}")]
    CredentialsRefused {
        /// The connection's name.
        connection: String,
        /// What the store says.
        reason: String,
    },
    /// The role of the connection cannot be assumed.
    #[error(
        "cannot assume role '{arn}': {reason}; its trust policy must be the one of GET /v0/integrations/s3/policies/trust-policy"
    )]
    RoleRefused {
        /// The role.
        arn: String,
        /// What was answered.
        reason: String,
    },
    /// The object store could not be used, for a reason that is not the credentials.
    #[error("could not {action}: {reason}")]
    StorageFailed {
        /// What was tried.
        action: &'static str,
        /// What the store, or the network, says.
        reason: String,
    },
    /// The pipe has no schedule.
    #[error("pipe '{pipe}' has no schedule: give it one with schedule_cron first")]
    ScheduleNotFound {
        /// The pipe's name.
        pipe: String,
    },
    /// More work than jobs may do, or more of them than may be active.
    #[error("{message}")]
    JobLimit {
        /// Which limit, and what to do.
        message: String,
    },
    /// The data source is still in use.
    #[error("data source '{name}' is used by {used_by}: delete that first, or send force=true")]
    DataSourceInUse {
        /// The data source's name.
        name: String,
        /// Pipes and nodes that read it.
        used_by: String,
    },
    /// No such token.
    #[error("token '{reference}' not found")]
    TokenNotFound {
        /// Name or id as sent; a value that looks like a token is shortened.
        reference: String,
    },
    /// No such job, or one from before the history.
    #[error("job '{id}' not found: jobs are kept for 48 hours")]
    JobNotFound {
        /// Id as sent.
        id: String,
    },
    /// The job is past what was asked for.
    #[error("job '{id}' cannot be {action}: it is {status}")]
    JobNotPossible {
        /// The job's id.
        id: String,
        /// What was asked for.
        action: &'static str,
        /// How far it has come.
        status: &'static str,
    },
    /// Something sent cannot be used as it is.
    #[error("{message}")]
    BadRequest {
        /// What, and what to do.
        message: String,
    },
    /// The SQL guard, name resolution or parsing refused the SQL.
    #[error("{refusal}{}", hint(.refusal.hint.as_deref()))]
    Sql {
        /// What is refused, where and why.
        refusal: standpipe_sql::Refusal,
    },
    /// A template could not be compiled or rendered.
    #[error("{0}")]
    Template(standpipe_template::Error),
    /// A template asked for this answer by `custom_error`.
    #[error("{body}")]
    Custom {
        /// HTTP status the template chose.
        status: u16,
        /// JSON the template chose.
        body: serde_json::Value,
    },
    /// The engine raised an error about what the user asked for.
    #[error("{message}")]
    Engine {
        /// `ClickHouse`'s error code.
        code: i32,
        /// The engine's text.
        message: String,
    },
    /// A query took longer than allowed.
    #[error("the query took longer than {seconds} s: read less data, or ask for a higher limit")]
    Timeout {
        /// The limit.
        seconds: u64,
    },
    /// The engine took too long to tell what a text means. It may be much work; or the engine has just been started, or
    /// has much else to do.
    #[error("could not check the query within {seconds} s: try again in a moment, or make it simpler")]
    CheckTimeout {
        /// The limit.
        seconds: u64,
    },
    /// An answer is larger than allowed.
    #[error("the answer is larger than {bytes} bytes: add a LIMIT, or ask for fewer columns")]
    ResultTooLarge {
        /// The limit.
        bytes: u64,
    },
    /// A request body is larger than allowed.
    #[error("the body is larger than {bytes} bytes: send it in smaller parts")]
    BodyTooLarge {
        /// The limit.
        bytes: u64,
    },
    /// The engine is starting, restarting or out of reach.
    #[error("the engine is not available right now, could not {action}: try again in a moment")]
    EngineUnavailable {
        /// What was tried.
        action: &'static str,
    },
    /// A token, an endpoint or a workspace has as many reads as it may have at once.
    #[error("{holder} has {limit} reads running or waiting, and may have no more at once: wait for one of them to end")]
    TooManyReads {
        /// Who has a limit, in words.
        holder: String,
        /// The limit.
        limit: u64,
    },
    /// A read waited too long for a place among the running ones.
    #[error("the query waited {seconds} s for its turn in vain: try again in a moment")]
    QueueTimeout {
        /// The longest wait.
        seconds: u64,
    },
    /// The engine has too much to do.
    #[error("too many queries are running: try again in a moment")]
    Busy,
    /// A fault of ours: the text is for the log, the client reads that the request failed.
    #[error("internal error: {context}")]
    Internal {
        /// What was being done.
        context: String,
    },
}

impl Error {
    /// A bad request in words.
    pub fn bad_request(message: impl Into<String>) -> Error {
        Error::BadRequest { message: message.into() }
    }

    /// A fault of ours.
    pub fn internal(context: impl Into<String>) -> Error {
        Error::Internal { context: context.into() }
    }
}

/// How a node of a role is called in a sentence.
fn published_as(role: &'static str) -> &'static str {
    match role {
        "endpoint" => "published as the endpoint of",
        "materialized" => "the materialized view of",
        "sink" => "the sink node of",
        _ => "the copy node of",
    }
}

/// What is done to a node of a role so that it has none.
fn unset_word(role: &'static str) -> &'static str {
    match role {
        "endpoint" => "unpublish",
        "materialized" => "unlink",
        _ => "unset",
    }
}

/// What a pipe of a role is.
fn pipe_as(role: &'static str) -> &'static str {
    match role {
        "endpoint" => "an endpoint",
        "materialized" => "materialized",
        "sink" => "a sink pipe",
        _ => "a copy pipe",
    }
}

/// What a node of a role is.
fn node_as(role: &'static str) -> &'static str {
    match role {
        "endpoint" => "published as an endpoint",
        "materialized" => "materialized",
        "sink" => "a sink node",
        _ => "a copy node",
    }
}

/// The last part of the route on which a role is set and unset.
fn role_route(role: &'static str) -> &'static str {
    if role == "materialized" { "materialization" } else { role }
}

/// A hint as it follows a message.
fn hint(hint: Option<&str>) -> String {
    hint.map(|hint| format!(". {hint}")).unwrap_or_default()
}

impl From<standpipe_template::Error> for Error {
    /// A template's `custom_error()` is the template's own answer; everything else is an error of ours to show.
    fn from(error: standpipe_template::Error) -> Error {
        let ErrorClass::Custom { status, argument } = error.class() else { return Error::Template(error) };
        let shown = |data| serde_json::to_value(data).unwrap_or_default();
        let status = shown(status).as_u64().and_then(|status| u16::try_from(status).ok());
        let body = match shown(argument) {
            object @ serde_json::Value::Object(_) => object,
            text => serde_json::json!({ "error": text.as_str().map_or_else(|| text.to_string(), str::to_owned) }),
        };
        Error::Custom { status: status.filter(|status| (400..600).contains(status)).unwrap_or(400), body }
    }
}

impl From<standpipe_sql::Refusal> for Error {
    fn from(refusal: standpipe_sql::Refusal) -> Error {
        Error::Sql { refusal }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        Error::internal(format!("the metadata store failed: {error}"))
    }
}

impl Error {
    /// Turns an error of the `ClickHouse` client into a fact; `action` says what was tried.
    pub fn from_engine(error: clickhouse::Error, action: &'static str) -> Error {
        match error {
            clickhouse::Error::Unavailable { .. } => Error::EngineUnavailable { action },
            clickhouse::Error::Busy { .. } => Error::Busy,
            clickhouse::Error::Exception(exception) => {
                Error::Engine { code: exception.code, message: exception.message }
            }
            other => Error::internal(format!("could not {action}: {other}")),
        }
    }
}

/// The closed list of what can go wrong. `docs/errors.md` is made from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "meaning() is the documentation of each")]
pub enum ErrorCode {
    TokenMissing,
    TokenUnknown,
    Forbidden,
    NameForbidden,
    NameUnknown,
    BadName,
    NameTaken,
    ChangedMeanwhile,
    DataSourceNotFound,
    PipeNotFound,
    NodeNotFound,
    WrongNode,
    NotPublished,
    NodePublished,
    RoleTaken,
    NotCopy,
    AlreadyMaterialized,
    NotMaterialized,
    CannotOverride,
    ViewFailed,
    NotSink,
    SinkSet,
    QueryForbidden,
    ConnectionNotFound,
    ConnectionInUse,
    BucketNotFound,
    CredentialsRefused,
    RoleRefused,
    StorageFailed,
    ScheduleNotFound,
    JobLimit,
    DataSourceInUse,
    TokenNotFound,
    JobNotFound,
    JobNotPossible,
    BadRequest,
    SqlRefused,
    TemplateFailed,
    EngineRefused,
    Timeout,
    ResultTooLarge,
    BodyTooLarge,
    EngineUnavailable,
    TooManyReads,
    QueueTimeout,
    Busy,
    Internal,
}

impl ErrorCode {
    /// Every code, in the order of the documentation.
    pub const ALL: [ErrorCode; 47] = [
        ErrorCode::TokenMissing,
        ErrorCode::TokenUnknown,
        ErrorCode::Forbidden,
        ErrorCode::NameForbidden,
        ErrorCode::NameUnknown,
        ErrorCode::BadName,
        ErrorCode::NameTaken,
        ErrorCode::ChangedMeanwhile,
        ErrorCode::DataSourceNotFound,
        ErrorCode::PipeNotFound,
        ErrorCode::NodeNotFound,
        ErrorCode::WrongNode,
        ErrorCode::NotPublished,
        ErrorCode::NodePublished,
        ErrorCode::RoleTaken,
        ErrorCode::NotCopy,
        ErrorCode::AlreadyMaterialized,
        ErrorCode::NotMaterialized,
        ErrorCode::CannotOverride,
        ErrorCode::ViewFailed,
        ErrorCode::NotSink,
        ErrorCode::SinkSet,
        ErrorCode::QueryForbidden,
        ErrorCode::ConnectionNotFound,
        ErrorCode::ConnectionInUse,
        ErrorCode::BucketNotFound,
        ErrorCode::CredentialsRefused,
        ErrorCode::RoleRefused,
        ErrorCode::StorageFailed,
        ErrorCode::ScheduleNotFound,
        ErrorCode::JobLimit,
        ErrorCode::DataSourceInUse,
        ErrorCode::TokenNotFound,
        ErrorCode::JobNotFound,
        ErrorCode::JobNotPossible,
        ErrorCode::BadRequest,
        ErrorCode::SqlRefused,
        ErrorCode::TemplateFailed,
        ErrorCode::EngineRefused,
        ErrorCode::Timeout,
        ErrorCode::ResultTooLarge,
        ErrorCode::BodyTooLarge,
        ErrorCode::EngineUnavailable,
        ErrorCode::TooManyReads,
        ErrorCode::QueueTimeout,
        ErrorCode::Busy,
        ErrorCode::Internal,
    ];

    /// The word that answers carry.
    pub fn as_str(self) -> &'static str {
        self.describe().0
    }

    /// One sentence on what it means.
    pub fn meaning(self) -> &'static str {
        self.describe().1
    }

    fn describe(self) -> (&'static str, &'static str) {
        match self {
            ErrorCode::TokenMissing => ("token_missing", "No token came with the request."),
            ErrorCode::TokenUnknown => ("token_unknown", "The token is not one of this server's."),
            ErrorCode::Forbidden => ("forbidden", "The token lacks the scope that the request needs."),
            ErrorCode::NameForbidden => ("name_forbidden", "SQL names a resource that the token cannot read."),
            ErrorCode::NameUnknown => ("name_unknown", "SQL names a resource that does not exist."),
            ErrorCode::BadName => ("bad_name", "A name breaks the rules for names."),
            ErrorCode::NameTaken => ("name_taken", "Another resource has the name."),
            ErrorCode::ChangedMeanwhile => ("changed_meanwhile", "Another request changed the same pipe."),
            ErrorCode::DataSourceNotFound => ("data_source_not_found", "There is no such data source."),
            ErrorCode::PipeNotFound => ("pipe_not_found", "There is no such pipe."),
            ErrorCode::NodeNotFound => ("node_not_found", "The pipe has no such node."),
            ErrorCode::WrongNode => ("wrong_node", "The pipe has no such node to publish or unpublish."),
            ErrorCode::NotPublished => ("not_published", "The pipe has no endpoint."),
            ErrorCode::NodePublished => ("node_published", "The node is published and cannot be removed."),
            ErrorCode::RoleTaken => ("role_taken", "The pipe does something else; the error says what to unset first."),
            ErrorCode::NotCopy => ("not_copy", "The pipe is not a copy pipe."),
            ErrorCode::AlreadyMaterialized => ("already_materialized", "The node is materialized already."),
            ErrorCode::NotMaterialized => ("not_materialized", "The node is not materialized."),
            ErrorCode::CannotOverride => ("cannot_override", "Other materialized views use the data source."),
            ErrorCode::ViewFailed => ("view_failed", "The rows are stored, but a materialized view over them failed."),
            ErrorCode::NotSink => ("not_sink", "The pipe is not a sink pipe."),
            ErrorCode::SinkSet => ("sink_set", "The pipe is a sink pipe already."),
            ErrorCode::QueryForbidden => ("query_forbidden", "The query uses what a sink's query may not."),
            ErrorCode::ConnectionNotFound => ("connection_not_found", "There is no such connection."),
            ErrorCode::ConnectionInUse => ("connection_in_use", "A sink pipe, or a job of one, uses the connection."),
            ErrorCode::BucketNotFound => ("bucket_not_found", "The object store knows no such bucket."),
            ErrorCode::CredentialsRefused => {
                ("credentials_refused", "The object store refuses the connection's credentials.")
            }
            ErrorCode::RoleRefused => ("role_refused", "The connection's role cannot be assumed."),
            ErrorCode::StorageFailed => ("storage_failed", "The object store could not be used."),
            ErrorCode::ScheduleNotFound => ("schedule_not_found", "The pipe has no schedule."),
            ErrorCode::JobLimit => ("job_limit", "More work than one job may do, or more jobs than may be active."),
            ErrorCode::DataSourceInUse => ("data_source_in_use", "A materialized view depends on the data source."),
            ErrorCode::TokenNotFound => ("token_not_found", "There is no such token."),
            ErrorCode::JobNotFound => ("job_not_found", "There is no such job, or it is older than 48 hours."),
            ErrorCode::JobNotPossible => ("job_not_possible", "The job is past what was asked for."),
            ErrorCode::BadRequest => ("bad_request", "Something sent cannot be used; the error says what."),
            ErrorCode::SqlRefused => ("sql_refused", "The SQL cannot be understood, or does what SQL here may not."),
            ErrorCode::TemplateFailed => ("template_failed", "A template cannot be compiled or rendered."),
            ErrorCode::EngineRefused => {
                ("engine_refused", "ClickHouse raised an error; its code is in the header X-DB-Exception-Code.")
            }
            ErrorCode::Timeout => ("timeout", "The query ran longer than allowed."),
            ErrorCode::ResultTooLarge => ("result_too_large", "The answer is larger than allowed."),
            ErrorCode::BodyTooLarge => ("body_too_large", "The request's body is larger than allowed."),
            ErrorCode::EngineUnavailable => ("engine_unavailable", "The engine is starting or restarting."),
            ErrorCode::TooManyReads => {
                ("too_many_reads", "The token, endpoint or workspace has as many reads as it may have at once.")
            }
            ErrorCode::QueueTimeout => ("queue_timeout", "The query waited too long for its turn."),
            ErrorCode::Busy => ("busy", "Too many queries are running or waiting."),
            ErrorCode::Internal => ("internal", "The server failed; its log says more."),
        }
    }
}

impl Error {
    /// The code of this error.
    pub fn code(&self) -> ErrorCode {
        match self {
            Error::TokenMissing => ErrorCode::TokenMissing,
            Error::TokenUnknown => ErrorCode::TokenUnknown,
            Error::Forbidden { .. } => ErrorCode::Forbidden,
            Error::NameForbidden { .. } => ErrorCode::NameForbidden,
            Error::NameUnknown { .. } | Error::ServiceDataUnknown { .. } => ErrorCode::NameUnknown,
            Error::BadName { .. } => ErrorCode::BadName,
            Error::NameTaken { .. } => ErrorCode::NameTaken,
            Error::ChangedMeanwhile { .. } => ErrorCode::ChangedMeanwhile,
            Error::DataSourceNotFound { .. } => ErrorCode::DataSourceNotFound,
            Error::PipeNotFound { .. } => ErrorCode::PipeNotFound,
            Error::NodeNotFound { .. } => ErrorCode::NodeNotFound,
            Error::WrongNode { .. } => ErrorCode::WrongNode,
            Error::NotPublished { .. } => ErrorCode::NotPublished,
            Error::NodePublished { .. } => ErrorCode::NodePublished,
            Error::RoleTaken { .. } | Error::CopySet { .. } => ErrorCode::RoleTaken,
            Error::NotCopy { .. } => ErrorCode::NotCopy,
            Error::AlreadyMaterialized { .. } => ErrorCode::AlreadyMaterialized,
            Error::NotMaterialized { .. } => ErrorCode::NotMaterialized,
            Error::CannotOverride { .. } => ErrorCode::CannotOverride,
            Error::ViewFailed { .. } => ErrorCode::ViewFailed,
            Error::NotSink { .. } => ErrorCode::NotSink,
            Error::SinkSet { .. } => ErrorCode::SinkSet,
            Error::QueryForbidden { .. } => ErrorCode::QueryForbidden,
            Error::ConnectionNotFound { .. } => ErrorCode::ConnectionNotFound,
            Error::ConnectionInUse { .. } | Error::ConnectionInJob { .. } => ErrorCode::ConnectionInUse,
            Error::BucketNotFound { .. } => ErrorCode::BucketNotFound,
            Error::CredentialsRefused { .. } => ErrorCode::CredentialsRefused,
            Error::RoleRefused { .. } => ErrorCode::RoleRefused,
            Error::StorageFailed { .. } => ErrorCode::StorageFailed,
            Error::ScheduleNotFound { .. } => ErrorCode::ScheduleNotFound,
            Error::JobLimit { .. } => ErrorCode::JobLimit,
            Error::DataSourceInUse { .. } => ErrorCode::DataSourceInUse,
            Error::TokenNotFound { .. } => ErrorCode::TokenNotFound,
            Error::JobNotFound { .. } => ErrorCode::JobNotFound,
            Error::JobNotPossible { .. } => ErrorCode::JobNotPossible,
            Error::BadRequest { .. } => ErrorCode::BadRequest,
            Error::Sql { .. } => ErrorCode::SqlRefused,
            Error::Template(_) | Error::Custom { .. } => ErrorCode::TemplateFailed,
            Error::Engine { .. } => ErrorCode::EngineRefused,
            Error::Timeout { .. } | Error::CheckTimeout { .. } => ErrorCode::Timeout,
            Error::ResultTooLarge { .. } => ErrorCode::ResultTooLarge,
            Error::BodyTooLarge { .. } => ErrorCode::BodyTooLarge,
            Error::EngineUnavailable { .. } => ErrorCode::EngineUnavailable,
            Error::TooManyReads { .. } => ErrorCode::TooManyReads,
            Error::QueueTimeout { .. } => ErrorCode::QueueTimeout,
            Error::Busy => ErrorCode::Busy,
            Error::Internal { .. } => ErrorCode::Internal,
        }
    }

    /// ClickHouse's error code, where ClickHouse raised the error.
    pub fn exception_code(&self) -> Option<i32> {
        match self {
            Error::Engine { code, .. } | Error::ViewFailed { code, .. } => Some(*code),
            Error::Timeout { .. } => Some(clickhouse::codes::TIMEOUT_EXCEEDED),
            _ => None,
        }
    }
}
