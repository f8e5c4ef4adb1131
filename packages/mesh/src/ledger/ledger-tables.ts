import { moduleBeside, type StoreOwner } from "@mayfly/store"

export const ledgerOwner: StoreOwner = {
  name: "ledger",
  migrations: [
    `CREATE TABLE ledger_entries (
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
    CREATE INDEX ledger_entries_at ON ledger_entries (at);
    CREATE INDEX ledger_entries_tenant ON ledger_entries (tenant, seq) WHERE kind = 'attempt';
    CREATE INDEX ledger_entries_run ON ledger_entries (run_id, seq) WHERE kind = 'attempt';
    CREATE UNIQUE INDEX ledger_entries_outcome ON ledger_entries (attempt) WHERE kind = 'outcome';
    CREATE TABLE ledger_base (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
    INSERT INTO ledger_base (one, seq, hash) VALUES (1, 0, '${"0".repeat(64)}')`,
  ],
  procedures: moduleBeside("ledger-procedures", import.meta.url),
}
