-- Timestamps are microseconds since 1970 in UTC. Ids and names are the texts that the API shows.

CREATE TABLE catalog (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    version INTEGER NOT NULL
);
INSERT INTO catalog (only_row, version) VALUES (1, 0);

CREATE TABLE workspaces (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    database TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
);

CREATE TABLE data_sources (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    columns TEXT NOT NULL,
    engine TEXT NOT NULL,
    tags TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('creating', 'ready')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (workspace_id, name)
);

-- The tables that exist, or may exist, in the engine. A row is written before the table is made and removed after it is
-- dropped, so that a start can finish or undo what a crash left half done.
CREATE TABLE physical_tables (
    data_source_id TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    state TEXT NOT NULL CHECK (state IN ('creating', 'live', 'retired')),
    PRIMARY KEY (data_source_id, incarnation)
);

CREATE TABLE pipes (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    description TEXT,
    endpoint TEXT,
    published_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (workspace_id, name)
);

CREATE TABLE nodes (
    id TEXT PRIMARY KEY,
    pipe_id TEXT NOT NULL REFERENCES pipes (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    sql TEXT NOT NULL,
    description TEXT,
    materialized TEXT,
    tags TEXT NOT NULL,
    dependencies TEXT NOT NULL,
    params TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (pipe_id, name),
    UNIQUE (pipe_id, position)
);

-- A token is looked up by the hash of its value; the value itself is encrypted with the key of the data directory.
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    origin TEXT NOT NULL,
    scopes TEXT NOT NULL,
    value_hash BLOB NOT NULL UNIQUE,
    value_encrypted BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (workspace_id, name)
);
