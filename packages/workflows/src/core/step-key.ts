import type { StepKind } from "@mayfly/protocol"
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
  readonly #scopes = new Map<StepKey, Map<string, number>>()

  /** `scope` is the key of the step around it, or "". */
  next(scope: StepKey, kind: StepKind, name: string): StepKey {
    const called = `${kind}:${escapeName(name)}`
    let counts = this.#scopes.get(scope)
    if (counts === undefined) this.#scopes.set(scope, (counts = new Map()))
    const count = (counts.get(called) ?? 0) + 1
    counts.set(called, count)
    return scope === "" ? `${called}#${count}` : `${scope}/${called}#${count}`
  }

  /** Forgets what was counted inside a step that starts over. */
  forget(scope: StepKey): void {
    for (const inner of this.#scopes.keys()) {
      if (inner.startsWith(scope) && (inner.length === scope.length || inner[scope.length] === "/"))
        this.#scopes.delete(inner)
    }
  }
}

/** The last part of a key, taken apart. */
export function parseKey(key: StepKey): StepName {
  const last = key.slice(key.lastIndexOf("/") + 1)
  const colon = last.indexOf(":")
  const hash = last.lastIndexOf("#")
  return {
    kind: kindOf(key),
    name: unescapeName(last.slice(colon + 1, hash)),
    count: Number(last.slice(hash + 1)),
  }
}

/** The kind of a key's last part. */
export function kindOf(key: StepKey): StepKind {
  const from = key.lastIndexOf("/") + 1
  return key.slice(from, key.indexOf(":", from)) as StepKind
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
  return name.includes("%") || name.includes("/") ? name.replaceAll("%", "%25").replaceAll("/", "%2F") : name
}

function unescapeName(name: string): string {
  return name.includes("%") ? name.replaceAll("%2F", "/").replaceAll("%25", "%") : name
}
