/** What a row of the journal is about. Compensations of a saga are `rollback`. */
export type StepKind = "do" | "sleep" | "event" | "child" | "rollback"

/** Names a step within its instance: `do:charge#2` is the second `step.do("charge")`; a step inside a step has its parent's key before a slash. */
export type StepKey = string

export interface StepName {
  readonly kind: StepKind
  readonly name: string
  /** Which call of that name, from 1. */
  readonly count: number
}

/** Gives keys to calls: the n-th call of a name gets the number n, in each scope by itself. */
export class StepKeys {
  readonly #counts = new Map<string, number>()

  /** `scope` is the key of the step around it, or "". */
  next(scope: StepKey, kind: StepKind, name: string): StepKey {
    const prefix = `${scope === "" ? "" : `${scope}/`}${kind}:${escapeName(name)}`
    const count = (this.#counts.get(prefix) ?? 0) + 1
    this.#counts.set(prefix, count)
    return `${prefix}#${count}`
  }

  /** Forgets what was counted inside a step that starts over. */
  forget(scope: StepKey): void {
    for (const prefix of this.#counts.keys()) if (prefix.startsWith(`${scope}/`)) this.#counts.delete(prefix)
  }
}

/** The last part of a key, taken apart. */
export function parseKey(key: StepKey): StepName {
  const last = key.slice(key.lastIndexOf("/") + 1)
  const colon = last.indexOf(":")
  const hash = last.lastIndexOf("#")
  return {
    kind: last.slice(0, colon) as StepKind,
    name: unescapeName(last.slice(colon + 1, hash)),
    count: Number(last.slice(hash + 1)),
  }
}

/** The key of the step around this one, or "". */
export function scopeOf(key: StepKey): StepKey {
  return key.slice(0, Math.max(0, key.lastIndexOf("/")))
}

/** The key under which a step is undone. */
export function rollbackKeyOf(key: StepKey): StepKey {
  const scope = scopeOf(key)
  const last = key.slice(scope === "" ? 0 : scope.length + 1)
  return `${key.slice(0, key.length - last.length)}rollback:${last.slice(last.indexOf(":") + 1)}`
}

/** How messages call a step: `step "charge"`, or `step "charge" (call 2)`. */
export function describeKey(key: StepKey): string {
  const { kind, name, count } = parseKey(key)
  const noun = { do: "step", sleep: "sleep", event: "wait", child: "child", rollback: "rollback" }[kind]
  return `${noun} ${JSON.stringify(name)}${count === 1 ? "" : ` (call ${count})`}`
}

/** Names may hold any character; a slash would look like a scope. */
function escapeName(name: string): string {
  return name.replaceAll("%", "%25").replaceAll("/", "%2F")
}

function unescapeName(name: string): string {
  return name.replaceAll("%2F", "/").replaceAll("%25", "%")
}
