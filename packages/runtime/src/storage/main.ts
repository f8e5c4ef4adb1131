// A storage process: holds the databases of one tenant's objects and runs their SQL, jailed. It has no network and no other files, does one thing
// after another, and may be killed at any time: what was not committed is then as if it had never been.
import { writeFileSync } from "node:fs"
import { setPriority } from "node:os"
import { CloneError, decodeValue, encodeValue } from "@mayfly/protocol/clone"
import { channelOnFd, type Head } from "../wire/frame-channel.ts"
import { LostTransactionError, ObjectDatabase } from "./object-database.ts"
import { sqliteCode } from "./sqlite-code.ts"

const objects = new Map<number, ObjectDatabase>()

const channel = channelOnFd(3, (head, parts) => {
  const before = process.threadCpuUsage()
  const answer = answerTo(head, parts[0] ?? "")
  const { user, system } = process.threadCpuUsage(before)
  const object = objects.get(head["object"] as number)
  const { text, ...rest } = answer
  const state = {
    dirty: object?.isDirty ?? false,
    open: object?.isInTransaction ?? false,
    alarm: object?.alarm ?? null,
    ms: (user + system) / 1_000,
  }
  channel.send({ t: "done", id: head["id"], ...state, ...rest }, text)
  channel.flush()
})

markExpendable()
channel.send({ t: "ready" })

interface Answer {
  readonly ok: boolean
  /** The object has to start over. */
  readonly lost?: true
  readonly text: string
}

function answerTo(head: Head, payload: string): Answer {
  try {
    return { ok: true, text: act(head, payload) }
  } catch (error) {
    if (error instanceof LostTransactionError) return { ok: false, lost: true, text: describe(error) }
    return { ok: false, text: describe(error) }
  }
}

function act(head: Head, payload: string): string {
  const id = head["object"] as number
  if (head.t === "open") {
    objects.set(id, new ObjectDatabase(String(head["file"]), Number(head["maxBytes"])))
    return ""
  }
  const object = objects.get(id)
  if (object === undefined) throw new Error("the object's storage is not open")
  switch (head.t) {
    case "call":
      return call(object, payload)
    case "commit":
      object.commit()
      return ""
    case "reset":
      object.reset()
      return ""
    case "fail-alarm":
      object.failAlarm()
      return ""
    case "close":
      objects.delete(id)
      object.close()
      return ""
    default:
      throw new Error("there is no such request")
  }
}

/** `<operation>\n<arguments>`, as the guest wrote it. */
function call(object: ObjectDatabase, payload: string): string {
  const cut = payload.indexOf("\n")
  const args = decodeValue(payload.slice(cut + 1))
  if (cut === -1 || !Array.isArray(args)) throw new TypeError("malformed storage call")
  return encodeValue(object.perform(payload.slice(0, cut), args as unknown[]))
}

/** What a guest may know: SQLite's words about its own statement, no paths. */
function describe(error: unknown): string {
  if (error instanceof CloneError) return JSON.stringify({ name: "DataCloneError", message: error.message })
  const { name, message } = error as Error
  const code = sqliteCode(error)
  if (code !== undefined) return JSON.stringify({ name: "Error", message: `${message}: ${code}` })
  const isOurs =
    name === "TypeError" || name === "RangeError" || error instanceof LostTransactionError || name === "Error"
  return JSON.stringify({ name: isOurs ? name : "Error", message: isOurs ? message : "the storage operation failed" })
}

function markExpendable(): void {
  try {
    writeFileSync("/proc/self/oom_score_adj", "1000")
  } catch {
    // Not Linux, or not allowed.
  }
  try {
    setPriority(1)
  } catch {
    // Only a hint.
  }
}
