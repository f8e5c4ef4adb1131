import { moduleBeside, type StoreOwner } from "@mayfly/store"

export const owner: StoreOwner = {
  name: "workers",
  migrations: [
    `CREATE TABLE workers_names (
      tenant TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, updated_at BIGINT NOT NULL, PRIMARY KEY (tenant, name)
    );
    CREATE TABLE workers_versions (
      tenant TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, hash TEXT NOT NULL, blob TEXT NOT NULL, bytes BIGINT NOT NULL,
      created_at BIGINT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (tenant, name, version)
    );
    CREATE INDEX workers_versions_by_seq ON workers_versions (tenant, name, seq)`,
  ],
  procedures: moduleBeside("worker-procedures", import.meta.url),
}
