import { constants } from "node:os"

/** What asks this process to end. Whoever listens disposes it. */
export interface Interrupts extends Disposable {
  /** Fires at the first Ctrl-C, SIGTERM, hang-up, or when the launcher that started us is gone. */
  readonly signal: AbortSignal
  /** 128 + the signal's number, as shells do it; undefined before. */
  readonly exitCode: number | undefined
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const
/** A terminal sends Ctrl-C to us and to the launcher, which passes it on: two within this time are one. */
const sameMs = 300

/** The first signal asks, the second one ends the process at once; host processes die with it. */
export function listenForInterrupts(): Interrupts {
  const abort = new AbortController()
  let firstAt = 0
  let exitCode: number | undefined
  const interrupt = (signal: (typeof signals)[number]): void => {
    const now = performance.now()
    if (abort.signal.aborted) {
      if (now - firstAt > sameMs) process.exit(exitCode)
      return
    }
    firstAt = now
    exitCode = 128 + constants.signals[signal]
    abort.abort(new Error(`interrupted by ${signal}`))
  }
  const hangUp = (): void => interrupt("SIGHUP")
  for (const signal of signals) process.on(signal, interrupt)
  process.on("disconnect", hangUp)
  // The launcher's channel must not keep a finished command alive.
  process.channel?.unref()
  return {
    signal: abort.signal,
    get exitCode() {
      return exitCode
    },
    [Symbol.dispose]() {
      for (const signal of signals) process.off(signal, interrupt)
      process.off("disconnect", hangUp)
    },
  }
}
