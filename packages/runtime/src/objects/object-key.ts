import { createHash } from "node:crypto"
import { join } from "node:path"

/** Names one object among all. Its parts are the user's and may hold anything. */
export interface ObjectKey {
  readonly tenant: string
  /** Of the parent's class; "" for parents that are only a name. */
  readonly namespace: string
  readonly parent: string
  /** The facet's. */
  readonly name: string
}

export interface ObjectFiles {
  /** The tenant's folder: the only one that its storage processes see. */
  readonly folder: string
  readonly database: string
  readonly alarm: string
}

/** One text for one key, for maps. */
export function keyText({ tenant, namespace, parent, name }: ObjectKey): string {
  return JSON.stringify([tenant, namespace, parent, name])
}

/** Where the object's files are. Names become hashes: none of them is ever a part of a path. */
export function filesOf(directory: string, key: ObjectKey): ObjectFiles {
  const folder = tenantFolder(directory, key.tenant)
  const base = join(folder, hash(keyText(key)))
  return { folder, database: `${base}.sqlite`, alarm: `${base}.alarm` }
}

export function tenantFolder(directory: string, tenant: string): string {
  return join(directory, hash(tenant))
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 40)
}
