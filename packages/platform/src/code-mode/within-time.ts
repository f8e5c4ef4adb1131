import { createContext, Script } from "node:vm"

const context = createContext({ run: undefined as (() => unknown) | undefined })
const script = new Script("run()")

/**
 * Runs a synchronous function of ours and stops it after `timeoutMs`. Throws the function's error, or one that
 * `isTimeout` knows. For schemas that take quadratic or exponential time (`uniqueItems`, `pattern`) with data of a guest's: they would
 * hold up the supervisor. The watchdog of `node:vm` is the one way to stop a loop or a regular expression in this thread.
 */
export function withinTime<T>(run: () => T, timeoutMs: number): T {
  context["run"] = run
  try {
    return script.runInContext(context, { timeout: timeoutMs }) as T
  } finally {
    context["run"] = undefined
  }
}

/** Its class is of another realm, so that `instanceof Error` is false. */
export function isTimeout(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT"
}
