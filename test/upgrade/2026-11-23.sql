PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE store_migrations (
      owner TEXT NOT NULL, version INTEGER NOT NULL, hash TEXT NOT NULL, applied_at INTEGER NOT NULL, PRIMARY KEY (owner, version)
    ) STRICT, WITHOUT ROWID;
INSERT INTO store_migrations VALUES('accounts',0,'4ae7d182eca99b0fb0bac82f4e322b7f573b117246318b791b3c8fdea46d92a2',1795426374090);
INSERT INTO store_migrations VALUES('ledger',0,'9d858a3815ff4f3752c76451db35550383841e875436cadc330603669c30d0e6',1795426374457);
INSERT INTO store_migrations VALUES('sandbox',0,'5f2855eedd853900a7cf5e9a30c82c15227e8f08bbbf3a6bd01b4b6c19626ac2',1795426375357);
INSERT INTO store_migrations VALUES('secrets',0,'0cad1f04409b0aad70c42a0920c4d19afd72e5ef836477ddcdcd2308c39c8496',1795426376287);
INSERT INTO store_migrations VALUES('workflows',0,'863f39fbaccc8c12de6abb62201e725e8c05158d2540f3755704993cdc884dc3',1795426374961);
INSERT INTO store_migrations VALUES('workflows',1,'0e955e8ed23027701d31be7f3880f0df0304424f42b527f70662a6e2156bb7c7',1795426374962);
CREATE TABLE store_blobs (
      hash TEXT NOT NULL, owner TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (hash, owner, name)
    ) STRICT, WITHOUT ROWID;
CREATE TABLE accounts_usage (
      tenant TEXT NOT NULL, day INTEGER NOT NULL, worker TEXT NOT NULL, runs BIGINT NOT NULL, failed_runs BIGINT NOT NULL, cpu_us BIGINT NOT NULL, wall_us BIGINT NOT NULL, memory_kib_ms BIGINT NOT NULL, bytes_in BIGINT NOT NULL, bytes_out BIGINT NOT NULL, sub_requests BIGINT NOT NULL, binding_calls BIGINT NOT NULL, workflow_instances BIGINT NOT NULL, workflow_steps BIGINT NOT NULL, sandbox_ms BIGINT NOT NULL, sandbox_cpu_us BIGINT NOT NULL, sandbox_memory_kib_ms BIGINT NOT NULL,
      PRIMARY KEY (tenant, day, worker)
    );
INSERT INTO accounts_usage VALUES('mayfly:readyz',20780,'9f3e5e4993915c0d55136c6c5c43fea4bc7ffa0d140a8b252241d5a8ec302b17',1,0,770,25906,26076,7,1,0,0,0,0,0,0,0);
INSERT INTO accounts_usage VALUES('default',20780,'01c783d068eabe2e48fa4fcf5f945b9141e1d09a7be582777b89e5dd00876272',1,0,3710,547256,952877,2,92,1,0,0,0,0,0,0);
INSERT INTO accounts_usage VALUES('default',20780,'f3607d8fcfb6c3da6e82ae9aac5ed63343303ac6e3dace66b6bafd71312b073a',2,0,1159,19045,19171,14,4,0,0,0,0,0,0,0);
CREATE TABLE accounts_tenants (tenant TEXT PRIMARY KEY, settings TEXT NOT NULL, updated_at BIGINT NOT NULL);
CREATE TABLE accounts_alerts (tenant TEXT NOT NULL, name TEXT NOT NULL, first_day INTEGER NOT NULL, PRIMARY KEY (tenant, name));
CREATE TABLE accounts_batches (writer TEXT PRIMARY KEY, last BIGINT NOT NULL);
INSERT INTO accounts_batches VALUES('1f86bba1-4cb0-4496-9b33-7dd0a5332858',3);
CREATE TABLE accounts_runs (
      seq INTEGER PRIMARY KEY, id TEXT NOT NULL, tenant TEXT NOT NULL, worker TEXT NOT NULL, hash TEXT NOT NULL, status TEXT NOT NULL,
      started_at BIGINT NOT NULL, ended_at BIGINT NOT NULL, bytes INTEGER NOT NULL, data TEXT NOT NULL
    );
INSERT INTO accounts_runs VALUES(1,'run_9d3ef967c7814c8ea4b55a79231e0773','default','01c783d068eabe2e48fa4fcf5f945b9141e1d09a7be582777b89e5dd00876272','01c783d068eabe2e48fa4fcf5f945b9141e1d09a7be582777b89e5dd00876272','succeeded',1795426374371,1795426374923,491,'{"usage":{"cpuMs":3.71,"wallMs":547.256,"queueMs":0.188,"peakMemoryBytes":1782979,"bytesIn":2,"bytesOut":92,"subRequests":1,"bindingCalls":0,"logBytes":0},"logs":[],"egress":1,"result":"j42"}');
INSERT INTO accounts_runs VALUES(2,'run_dea293642cd842889470b1d78fd1162a','default','f3607d8fcfb6c3da6e82ae9aac5ed63343303ac6e3dace66b6bafd71312b073a','f3607d8fcfb6c3da6e82ae9aac5ed63343303ac6e3dace66b6bafd71312b073a','succeeded',1795426375106,1795426375120,490,'{"usage":{"cpuMs":0.525,"wallMs":12.119,"queueMs":0.174,"peakMemoryBytes":1030740,"bytesIn":7,"bytesOut":2,"subRequests":0,"bindingCalls":0,"logBytes":0},"logs":[],"egress":0,"result":"j21"}');
INSERT INTO accounts_runs VALUES(3,'run_1182f5cfc4b748b79b5a81efa035def4','default','f3607d8fcfb6c3da6e82ae9aac5ed63343303ac6e3dace66b6bafd71312b073a','f3607d8fcfb6c3da6e82ae9aac5ed63343303ac6e3dace66b6bafd71312b073a','succeeded',1795426375184,1795426375207,489,'{"usage":{"cpuMs":0.634,"wallMs":6.926,"queueMs":0.148,"peakMemoryBytes":1030740,"bytesIn":7,"bytesOut":2,"subRequests":0,"bindingCalls":0,"logBytes":0},"logs":[],"egress":0,"result":"j21"}');
CREATE TABLE accounts_kept (tenant TEXT PRIMARY KEY, runs BIGINT NOT NULL, bytes BIGINT NOT NULL);
INSERT INTO accounts_kept VALUES('default',3,1470);
CREATE TABLE ledger_entries (
      seq INTEGER PRIMARY KEY,
      kind TEXT NOT NULL,
      attempt INTEGER,
      at INTEGER NOT NULL,
      tenant TEXT,
      run_id TEXT,
      origin TEXT,
      decision TEXT,
      data TEXT NOT NULL,
      hash TEXT NOT NULL
    ) STRICT;
INSERT INTO ledger_entries VALUES(1,'start',NULL,1795426374860,NULL,NULL,NULL,NULL,'{}','53bd93fd36aa557c706ccd0afc4b1fbe92b25218776ee96afae44d910d6bce2f');
INSERT INTO ledger_entries VALUES(2,'attempt',NULL,1795426374860,'default','run_9d3ef967c7814c8ea4b55a79231e0773','http://example.com','deny','{"row":{"id":"9336748f-5ef6-4e7e-a25f-1fa7bef8c03f","time":1795426374449,"tenant":"default","runId":"run_9d3ef967c7814c8ea4b55a79231e0773","origin":"http://example.com","path":"/","address":null,"port":80,"decision":"deny","rule":null,"reason":"no-rule","status":null,"bytesIn":0,"bytesOut":0,"durationMs":0,"secrets":[],"method":"GET","policyHash":"3f0d94d5e6157cea718e0b27c42bbd2f2262ed1b2cc476906fdbb2976cb2772c"},"final":true}','c8fc9987b7c0a692a2f481eb8ee1f68d7a2b2cb457990b012b3708c0951e8ff2');
CREATE TABLE ledger_base (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
INSERT INTO ledger_base VALUES(1,0,'0000000000000000000000000000000000000000000000000000000000000000');
CREATE TABLE workflows_definitions (
    hash TEXT PRIMARY KEY,
    body TEXT NOT NULL
  );
INSERT INTO workflows_definitions VALUES('BIGSFTzgyQjLuwxQP8go9BLsApEhX8fO6AZrJfomO8s','t[["o","kind",1,"steps",2],"steps",["a",1,3],["o","kind",4,"name",5,"body",6,"input",7,"retries",8,"timeoutMs",9,"atMostOnce",10,"isSensitive",11],"run","one",["o","program",12],["u"],["o","limit",13,"delayMs",14,"backoff",15,"maxDelayMs",16],600000,false,false,["o","script",17],5,1000,"exponential",31536000000,"20+1"]');
INSERT INTO workflows_definitions VALUES('KhyxnKi-weQVSscphFs-kGVhGX9K0Mt_Cjvf9UcUkbI','t[["o","kind",1,"steps",2],"steps",["a",2,3,4],["o","kind",5,"name",6,"body",7,"input",8,"retries",9,"timeoutMs",10,"atMostOnce",11,"isSensitive",12],["o","kind",13,"name",14,"type",15,"timeoutMs",16],"run","one",["o","program",17],["u"],["o","limit",18,"delayMs",19,"backoff",20,"maxDelayMs",21],600000,false,false,"waitForEvent","go","go",86400000,["o","script",22],5,1000,"exponential",31536000000,"20+1"]');
CREATE TABLE workflows_counters (
    name TEXT PRIMARY KEY,
    last BIGINT NOT NULL
  );
INSERT INTO workflows_counters VALUES('instance',2);
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
INSERT INTO workflows_instances VALUES(1,'default','done','BIGSFTzgyQjLuwxQP8go9BLsApEhX8fO6AZrJfomO8s','4P4RYFjwwfwpFkqChG5EHvhjsUmRGKr3VKgUN2n1lbo','t[["u"]]','complete',NULL,1,1,2,1,NULL,1795426375078,NULL,0,0,0,NULL,NULL,2592000000,2592000000,NULL,NULL,0,NULL,NULL,'j21',NULL,1795426375097,1795426375124,1795426375124,1798018375124);
INSERT INTO workflows_instances VALUES(2,'default','waits','KhyxnKi-weQVSscphFs-kGVhGX9K0Mt_Cjvf9UcUkbI','xFhXUsXci67Kp36vLAsFZyI5dO_2dmgC2F7Znd7VysY','t[["u"]]','waiting','event',1,1,2,2,1795512775232,1795426375164,NULL,0,0,0,NULL,NULL,2592000000,2592000000,NULL,NULL,0,NULL,NULL,NULL,NULL,1795426375164,1795426375233,NULL,NULL);
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
INSERT INTO workflows_journal VALUES(1,1,1,'do:one#1','ok',1,1795426375120,1795426375105,NULL,NULL,0,'j21',NULL,'j{"runs":[{"logs":[],"usage":{"cpuMs":0.525,"wallMs":12.119,"queueMs":0.174,"peakMemoryBytes":1030740,"bytesIn":7,"bytesOut":2,"subRequests":0,"bindingCalls":0,"logBytes":0},"egress":[]}]}');
INSERT INTO workflows_journal VALUES(1,2,1,'','complete',0,1795426375124,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO workflows_journal VALUES(2,1,1,'do:one#1','ok',1,1795426375207,1795426375184,NULL,NULL,0,'j21',NULL,'j{"runs":[{"logs":[],"usage":{"cpuMs":0.634,"wallMs":6.926,"queueMs":0.148,"peakMemoryBytes":1030740,"bytesIn":7,"bytesOut":2,"subRequests":0,"bindingCalls":0,"logBytes":0},"egress":[]}]}');
INSERT INTO workflows_journal VALUES(2,2,1,'event:go#1','start',0,1795426375233,NULL,1795512775232,1,0,'{"type":"go","token":"BYP3QZNukLzxjX1HmxqxMeNeX-dA3PxxOo28rhgXeuU"}',NULL,NULL);
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
CREATE TABLE workflows_hooks (
    token TEXT PRIMARY KEY,
    instance INTEGER NOT NULL,
    key TEXT NOT NULL,
    type TEXT NOT NULL
  , used INTEGER NOT NULL DEFAULT 0);
INSERT INTO workflows_hooks VALUES('BYP3QZNukLzxjX1HmxqxMeNeX-dA3PxxOo28rhgXeuU',2,'event:go#1','go',0);
CREATE TABLE sandbox_boxes (
      id TEXT PRIMARY KEY,
      tenant TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'removing')),
      options TEXT NOT NULL
    ) STRICT;
INSERT INTO sandbox_boxes VALUES('s','default',1795426375373,'ready','{"limits":{"memoryMb":1024,"cpus":2,"processes":512,"diskMb":4096,"wallMs":null},"network":{},"env":{},"sleepAfterMs":600000,"provider":"bubblewrap"}');
CREATE TABLE sandbox_snapshots (
      id TEXT PRIMARY KEY,
      sandbox_id TEXT NOT NULL,
      tenant TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      bytes INTEGER NOT NULL,
      limits TEXT NOT NULL
    ) STRICT;
CREATE TABLE secrets_secrets (
      tenant TEXT NOT NULL, name TEXT NOT NULL, key_id TEXT NOT NULL, sealed BLOB NOT NULL, updated_at BIGINT NOT NULL,
      PRIMARY KEY (tenant, name)
    );
INSERT INTO secrets_secrets VALUES('default','TOKEN','14abc41f12a16f58',X'9a49ac08820dc88b44512512a36ffd19275a0068d4fae41d7d7ca1ec37dec03318fa7eea76a9abdb44393cf7d851',1795426376296);
CREATE INDEX store_blobs_name ON store_blobs (owner, name);
CREATE INDEX accounts_usage_by_day ON accounts_usage (day);
CREATE UNIQUE INDEX accounts_runs_by_id ON accounts_runs (id);
CREATE INDEX accounts_runs_by_tenant ON accounts_runs (tenant, seq);
CREATE INDEX accounts_runs_by_time ON accounts_runs (ended_at);
CREATE INDEX ledger_entries_at ON ledger_entries (at);
CREATE INDEX ledger_entries_tenant ON ledger_entries (tenant, seq) WHERE kind = 'attempt';
CREATE INDEX ledger_entries_run ON ledger_entries (run_id, seq) WHERE kind = 'attempt';
CREATE UNIQUE INDEX ledger_entries_outcome ON ledger_entries (attempt) WHERE kind = 'outcome';
CREATE UNIQUE INDEX workflows_by_id ON workflows_instances (tenant, id);
CREATE INDEX workflows_due ON workflows_instances (tenant, wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX workflows_next ON workflows_instances (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX workflows_ended ON workflows_instances (purge_at) WHERE purge_at IS NOT NULL;
CREATE INDEX workflows_by_key ON workflows_instances (tenant, concurrency_key, number) WHERE reason = 'concurrency';
CREATE INDEX workflows_children ON workflows_instances (parent) WHERE parent IS NOT NULL;
CREATE INDEX workflows_by_definition ON workflows_instances (definition);
CREATE INDEX workflows_running ON workflows_instances (status) WHERE status IN ('running', 'waitingForPause');
CREATE UNIQUE INDEX workflows_once ON workflows_journal (instance, run, key) WHERE phase IN ('ok', 'err');
CREATE UNIQUE INDEX workflows_event_ids ON workflows_events (instance, event_id);
CREATE INDEX workflows_hooks_of ON workflows_hooks (instance);
CREATE INDEX sandbox_boxes_tenant ON sandbox_boxes (tenant, id);
CREATE INDEX sandbox_snapshots_tenant ON sandbox_snapshots (tenant, id);
COMMIT;
PRAGMA user_version=1;
