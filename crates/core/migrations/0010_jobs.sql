-- Work that outlives its request. A row is claimed by an owner for a time (its lease) and never inside a held transaction.
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    kind TEXT NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('waiting', 'working', 'done', 'error', 'cancelling', 'cancelled')),
    -- What to do, as its kind writes it.
    payload TEXT NOT NULL,
    -- How far it has come, as its kind writes it, for a run that goes on where another ended.
    checkpoint TEXT,
    -- What answers show of it beside the columns here: a JSON object.
    details TEXT NOT NULL,
    -- Percent, where the kind knows.
    progress REAL,
    error TEXT,
    attempts INTEGER NOT NULL,
    -- A waiting job is not run before.
    run_after INTEGER NOT NULL,
    lease_owner TEXT,
    locked_until INTEGER,
    pipe_id TEXT,
    pipe_name TEXT,
    node_id TEXT,
    data_source_id TEXT,
    data_source_name TEXT,
    token_name TEXT,
    request_id TEXT,
    is_scheduled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    updated_at INTEGER NOT NULL
);
CREATE INDEX jobs_by_age ON jobs (workspace_id, created_at);
CREATE INDEX jobs_by_status ON jobs (status, created_at);
CREATE INDEX jobs_by_pipe ON jobs (pipe_id, status);
