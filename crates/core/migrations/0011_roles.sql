-- What a pipe's one published node does, as JSON; before, it could only be an endpoint.
ALTER TABLE pipes ADD COLUMN published TEXT;
UPDATE pipes
SET published = json_object('node', endpoint, 'role', 'endpoint')
WHERE endpoint IS NOT NULL;
ALTER TABLE pipes DROP COLUMN endpoint;

-- When a pipe with a schedule runs next. What the schedule is stands with the pipe.
CREATE TABLE schedules (
    pipe_id TEXT PRIMARY KEY REFERENCES pipes (id) ON DELETE CASCADE,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    next_run INTEGER NOT NULL,
    -- When `next_run` was last decided: far in the future of the clock, the clock was set back.
    moved_at INTEGER NOT NULL,
    is_paused INTEGER NOT NULL,
    -- Runs that did not happen because the one before had not ended.
    skipped INTEGER NOT NULL,
    -- Runs that did not happen because the server did not run.
    missed INTEGER NOT NULL
);
CREATE INDEX schedules_by_time ON schedules (is_paused, next_run);
