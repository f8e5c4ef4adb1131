import { open, readdir, readFile, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import type { ObjectKey } from "./object-key.ts"

/** An alarm that may be due; the object's database has the last word. */
export interface PendingAlarm {
  readonly key: ObjectKey
  readonly at: number
}

const suffix = ".alarm"

/**
 * Says on disk which objects have alarms, so that nobody has to open their databases to know. Written before the database is committed and removed
 * after it: a file too many is harmless, one too few would be a lost alarm.
 */
export async function writeAlarmFile(path: string, { key, at }: PendingAlarm): Promise<void> {
  const next = `${path}.new`
  const file = await open(next, "w", 0o600)
  try {
    await file.writeFile(JSON.stringify({ ...key, at }))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(next, path)
}

export async function removeAlarmFile(path: string): Promise<void> {
  await rm(path, { force: true })
}

export async function readAlarmFile(path: string): Promise<PendingAlarm | undefined> {
  try {
    return parse(JSON.parse(await readFile(path, "utf8")) as unknown)
  } catch {
    // There is none, or a crash has left half of one: then the database was never committed with it.
    return undefined
  }
}

/** The alarms of all objects in a tenant's folder. Rejects when there is no folder. */
export async function listAlarmFiles(folder: string): Promise<PendingAlarm[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(suffix))
  const alarms: PendingAlarm[] = []
  for (const name of names) {
    const alarm = await readAlarmFile(join(folder, name))
    if (alarm !== undefined) alarms.push(alarm)
  }
  return alarms
}

function parse(value: unknown): PendingAlarm | undefined {
  const { tenant, namespace, parent, name, at } = (value ?? {}) as Partial<ObjectKey & { at: number }>
  if (typeof tenant !== "string" || typeof namespace !== "string" || typeof parent !== "string") return undefined
  if (typeof name !== "string" || typeof at !== "number") return undefined
  return { key: { tenant, namespace, parent, name }, at }
}
