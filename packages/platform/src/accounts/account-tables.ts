import { moduleBeside, type StoreOwner } from "@mayfly/store"
import { columnOf } from "./account-columns.ts"
import { counterNames } from "./counters.ts"

const counters = counterNames.map((name) => `${columnOf(name)} BIGINT NOT NULL`).join(", ")

export const owner: StoreOwner = {
  name: "accounts",
  migrations: [
    `CREATE TABLE accounts_usage (
      tenant TEXT NOT NULL, day INTEGER NOT NULL, worker TEXT NOT NULL, ${counters},
      PRIMARY KEY (tenant, day, worker)
    );
    CREATE INDEX accounts_usage_by_day ON accounts_usage (day);
    CREATE TABLE accounts_tenants (tenant TEXT PRIMARY KEY, settings TEXT NOT NULL, updated_at BIGINT NOT NULL);
    CREATE TABLE accounts_alerts (tenant TEXT NOT NULL, name TEXT NOT NULL, first_day INTEGER NOT NULL, PRIMARY KEY (tenant, name));
    CREATE TABLE accounts_batches (writer TEXT PRIMARY KEY, last BIGINT NOT NULL);
    CREATE TABLE accounts_runs (
      seq INTEGER PRIMARY KEY, id TEXT NOT NULL, tenant TEXT NOT NULL, worker TEXT NOT NULL, hash TEXT NOT NULL, status TEXT NOT NULL,
      started_at BIGINT NOT NULL, ended_at BIGINT NOT NULL, bytes INTEGER NOT NULL, data TEXT NOT NULL
    );
    CREATE UNIQUE INDEX accounts_runs_by_id ON accounts_runs (id);
    CREATE INDEX accounts_runs_by_tenant ON accounts_runs (tenant, seq);
    CREATE INDEX accounts_runs_by_time ON accounts_runs (ended_at);
    CREATE TABLE accounts_kept (tenant TEXT PRIMARY KEY, runs BIGINT NOT NULL, bytes BIGINT NOT NULL)`,
  ],
  procedures: moduleBeside("account-procedures", import.meta.url),
}
