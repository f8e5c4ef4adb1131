/** The tables of workflows. A released script never changes; new ones go to the end. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE workflows_definitions (
    hash TEXT PRIMARY KEY,
    body TEXT NOT NULL
  );

  CREATE TABLE workflows_counters (
    name TEXT PRIMARY KEY,
    last BIGINT NOT NULL
  );
  INSERT INTO workflows_counters (name, last) VALUES ('instance', 0);

  CREATE TABLE workflows_instances (
    number INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    definition TEXT NOT NULL,
    content TEXT NOT NULL,
    params TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    epoch INTEGER NOT NULL DEFAULT 0,
    run INTEGER NOT NULL DEFAULT 1,
    seq INTEGER NOT NULL DEFAULT 0,
    step_seq INTEGER NOT NULL DEFAULT 0,
    wake_at BIGINT,
    start_at BIGINT NOT NULL,
    paused_at BIGINT,
    paused_ms BIGINT NOT NULL DEFAULT 0,
    idle INTEGER NOT NULL DEFAULT 0,
    terminating INTEGER NOT NULL DEFAULT 0,
    concurrency_key TEXT,
    concurrency_limit INTEGER,
    success_ms BIGINT NOT NULL,
    error_ms BIGINT NOT NULL,
    schedule TEXT,
    trigger_info TEXT,
    depth INTEGER NOT NULL DEFAULT 0,
    parent INTEGER,
    parent_key TEXT,
    result TEXT,
    rollback TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    ended_at BIGINT,
    purge_at BIGINT
  );
  CREATE UNIQUE INDEX workflows_by_id ON workflows_instances (tenant, id);
  CREATE INDEX workflows_due ON workflows_instances (tenant, wake_at) WHERE wake_at IS NOT NULL;
  CREATE INDEX workflows_next ON workflows_instances (wake_at) WHERE wake_at IS NOT NULL;
  CREATE INDEX workflows_ended ON workflows_instances (purge_at) WHERE purge_at IS NOT NULL;
  CREATE INDEX workflows_by_key ON workflows_instances (tenant, concurrency_key, number) WHERE reason = 'concurrency';
  CREATE INDEX workflows_children ON workflows_instances (parent) WHERE parent IS NOT NULL;
  CREATE INDEX workflows_by_definition ON workflows_instances (definition);
  CREATE INDEX workflows_running ON workflows_instances (status) WHERE status IN ('running', 'waitingForPause');

  CREATE TABLE workflows_journal (
    instance INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    run INTEGER NOT NULL,
    key TEXT NOT NULL,
    phase TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    at BIGINT NOT NULL,
    started_at BIGINT,
    due_at BIGINT,
    shifts INTEGER,
    paused_ms BIGINT NOT NULL,
    value TEXT,
    during TEXT,
    detail TEXT,
    PRIMARY KEY (instance, seq)
  );
  CREATE UNIQUE INDEX workflows_once ON workflows_journal (instance, run, key) WHERE phase IN ('ok', 'err');

  CREATE TABLE workflows_events (
    instance INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    payload TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    taken_by TEXT,
    PRIMARY KEY (instance, seq)
  );
  CREATE UNIQUE INDEX workflows_event_ids ON workflows_events (instance, event_id);

  CREATE TABLE workflows_hooks (
    token TEXT PRIMARY KEY,
    instance INTEGER NOT NULL,
    key TEXT NOT NULL,
    type TEXT NOT NULL
  );
  CREATE INDEX workflows_hooks_of ON workflows_hooks (instance);
  `,
  // A link that was used is told from one that never was.
  `ALTER TABLE workflows_hooks ADD COLUMN used INTEGER NOT NULL DEFAULT 0;`,
  // Where the commit before the last one ended: so a commit needs no query beside its update.
  `ALTER TABLE workflows_instances ADD COLUMN previous_seq INTEGER NOT NULL DEFAULT 0;`,
  // What the page of a link asks, and how its requests are signed.
  `ALTER TABLE workflows_hooks ADD COLUMN about TEXT;`,
  // Rows that were there before have none.
  `
  ALTER TABLE workflows_journal ADD COLUMN sum INTEGER;
  ALTER TABLE workflows_instances ADD COLUMN sum INTEGER;
  ALTER TABLE workflows_instances ADD COLUMN result_sum INTEGER;
  `,
  // Who needs functions of the host's, which end with the process. Of those that are there already nobody knows; the reader looks at their definitions.
  `
  CREATE TABLE workflows_functions (
    instance INTEGER PRIMARY KEY,
    origin TEXT,
    is_over INTEGER NOT NULL DEFAULT 0
  );
  CREATE INDEX workflows_functions_needed ON workflows_functions (instance) WHERE is_over = 0;
  INSERT INTO workflows_functions (instance, is_over) SELECT number, ended_at IS NOT NULL FROM workflows_instances WHERE parent IS NULL;
  `,
]
