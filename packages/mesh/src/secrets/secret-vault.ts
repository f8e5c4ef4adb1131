import { MayflyError, type SecretInfo } from "@mayfly/protocol"
import type { Store, StoreOwner, Tables } from "@mayfly/store"
import { isSecretName } from "../policy/secret-name.ts"
import { seal, unseal } from "./seal.ts"
import type { SecretKey } from "./secret-key.ts"
import { minSecretLength } from "./secret-forms.ts"

/** Named secrets of tenants, encrypted where they are kept. Values come out only for the egress, by `resolve`. */
export interface SecretVault {
  /** Sets or replaces. Throws `input.invalid` for a name or value that can't be used. */
  set(tenant: string, name: string, value: string): Promise<void>
  list(tenant: string): Promise<readonly SecretInfo[]>
  /** Whether there was one. */
  remove(tenant: string, name: string): Promise<boolean>
  /** Null when the tenant has no secret of that name. Rejects with `mesh.secret-unreadable` when the key is another one, or the row was changed. */
  resolve(tenant: string, name: string): Promise<string | null>
}

interface Row {
  readonly name: string
  readonly key_id: string
  readonly sealed: Uint8Array
  readonly updated_at: number
}

const owner: StoreOwner = {
  name: "secrets",
  migrations: [
    `CREATE TABLE secrets_secrets (
      tenant TEXT NOT NULL, name TEXT NOT NULL, key_id TEXT NOT NULL, sealed BLOB NOT NULL, updated_at BIGINT NOT NULL,
      PRIMARY KEY (tenant, name)
    )`,
  ],
}

const maxValueLength = 65_536

/** The vault in `store`, under `key`. */
export async function openSecretVault(store: Store, key: SecretKey): Promise<SecretVault> {
  const tables = await store.attach(owner)
  return {
    set: (tenant, name, value) => set(tables, key, { tenant, name, value }),
    list: async (tenant) => {
      const rows = await tables.read<Row>(
        "SELECT name, updated_at FROM secrets_secrets WHERE tenant = ? ORDER BY name",
        [tenant],
      )
      return rows.map(({ name, updated_at }) => ({ name, updatedAt: updated_at }))
    },
    remove: async (tenant, name) => {
      const sql = "DELETE FROM secrets_secrets WHERE tenant = ? AND name = ?"
      const [result] = await tables.write([{ sql, parameters: [tenant, name] }])
      return result?.changes === 1
    },
    resolve: async (tenant, name) => {
      const sql = "SELECT name, key_id, sealed, updated_at FROM secrets_secrets WHERE tenant = ? AND name = ?"
      const [row] = await tables.read<Row>(sql, [tenant, name])
      return row === undefined ? null : open(row, key, tenant)
    },
  }
}

interface Named {
  readonly tenant: string
  readonly name: string
}

async function set(tables: Tables, key: SecretKey, secret: Named & { readonly value: string }): Promise<void> {
  const { tenant, name, value } = secret
  checkSecret(name, value)
  const sql = `INSERT INTO secrets_secrets (tenant, name, key_id, sealed, updated_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (tenant, name) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed, updated_at = excluded.updated_at`
  await tables.write([{ sql, parameters: [tenant, name, key.id, seal(value, key, [tenant, name]), Date.now()] }])
}

/** Throws `input.invalid`. The message never holds the value. */
export function checkSecret(name: string, value: unknown): asserts value is string {
  if (!isSecretName(name)) {
    throw invalid(
      "name",
      `the secret's name ${JSON.stringify(name.slice(0, 40))} must be letters, digits, "_", "." and "-", not starting with a digit`,
    )
  }
  if (typeof value !== "string") throw invalid("value", `the secret "${name}" must be a text`)
  if (value.length > maxValueLength)
    throw invalid("value", `the secret "${name}" is longer than ${maxValueLength} characters`)
  if (value.length < minSecretLength) {
    const why = "shorter ones can't be told from ordinary text when responses are searched for them"
    throw invalid("value", `the secret "${name}" must have at least ${minSecretLength} characters: ${why}`)
  }
  // It goes into headers, and what a header can't hold would be sent mangled, or split.
  if (/[\r\n\0]/.test(value))
    throw invalid("value", `the secret "${name}" must not hold line breaks; is there one at its end?`)
}

function open({ name, key_id, sealed }: Row, key: SecretKey, tenant: string): string {
  if (key_id !== key.id) throw unreadable(name, "it was encrypted with another key")
  try {
    return unseal(sealed, key, [tenant, name])
  } catch {
    throw unreadable(name, "what is stored was changed")
  }
}

function unreadable(name: string, why: string): MayflyError {
  return new MayflyError("mesh.secret-unreadable", `the secret "${name}" can't be decrypted: ${why}`, {
    details: { name },
  })
}

function invalid(path: string, message: string): MayflyError {
  return new MayflyError("input.invalid", message, { details: { path } })
}
