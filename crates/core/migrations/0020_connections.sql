-- Connections to systems outside: object stores and Kafka.
CREATE TABLE connections (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    service TEXT NOT NULL,
    -- All settings as one JSON object, encrypted: some are secrets.
    settings_encrypted BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (workspace_id, name)
);
