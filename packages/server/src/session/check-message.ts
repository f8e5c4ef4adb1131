import { MayflyError } from "@mayfly/protocol"

/** A message of Cap'n Web that a session takes. */
export type SessionMessage = readonly [kind: string, ...rest: unknown[]]

/** As deep as Cap'n Web goes by itself. */
const maxDepth = 256
/** What they give is held here and used by further calls, not sent. */
const givers: ReadonlySet<unknown> = new Set(["execute", "stream", "fetch"])

/**
 * Takes from Cap'n Web what clients of ours send: calls of methods, their answers, streams. What it also knows is refused, for a few bytes of it cost
 * without bound: `remap` runs a program of the client's for each element of an array, and nests; a value that names earlier ones ("pipeline" inside of a
 * value, a value that is pushed) copies them each time. Throws `input.invalid`.
 */
export function checkMessage(message: unknown): SessionMessage {
  if (!Array.isArray(message)) throw refused("is no array")
  const [kind, first, second] = message as unknown[]
  switch (kind) {
    case "push":
    case "stream":
      checkCall(first)
      return message as unknown as SessionMessage
    case "resolve":
    case "reject":
      checkValue(second, 0)
      return message as unknown as SessionMessage
    case "abort":
      checkValue(first, 0)
      return message as unknown as SessionMessage
    case "release":
      // None at all would count as let go of here, and not there.
      if (!Number.isInteger(second) || (second as number) < 1) throw refused("lets go of nothing")
      return message as unknown as SessionMessage
    case "pipe":
    case "pull":
      return message as unknown as SessionMessage
    default:
      throw refused("is of an unknown kind")
  }
}

/** Whether a call's result is for the client: what is not asked for would be held for it. */
export function isAskedFor([kind, call]: SessionMessage): boolean {
  return kind === "push" && !givers.has(((call as unknown[])[2] as unknown[])[0])
}

/** A function, or a method of an object, that the client was given. */
function checkCall(call: unknown): void {
  if (!Array.isArray(call) || call[0] !== "pipeline") throw refused("pushes something else than a call")
  const [, , path, args] = call as unknown[]
  if (!Array.isArray(path) || path.length > 1) throw refused("calls something inside of a result")
  if (!Array.isArray(args)) throw refused("has no arguments")
  for (const value of args) checkValue(value, 0)
}

function checkValue(value: unknown, depth: number): void {
  if (typeof value !== "object" || value === null) return
  if (depth >= maxDepth) throw refused("is nested too deep")
  if (Array.isArray(value)) {
    // The elements of a list are in one more array; all else that is an array says in its first element what it is.
    const [kind] = value as unknown[]
    if (kind === "pipeline" || kind === "remap" || (kind === "import" && value.length > 2))
      throw refused(`has "${kind}" inside of a value`)
  }
  for (const inner of Object.values(value)) {
    if (isList(value, inner)) for (const element of inner) checkValue(element, depth + 1)
    else checkValue(inner, depth + 1)
  }
}

function isList(outer: object, inner: unknown): inner is readonly unknown[] {
  return Array.isArray(outer) && outer.length === 1 && Array.isArray(inner)
}

function refused(why: string): MayflyError {
  return new MayflyError("input.invalid", `the session took a message that ${why}; clients of ours send none`)
}
