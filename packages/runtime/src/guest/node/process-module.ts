const started = Date.now()

/** What packages ask of `process`, and no more: nothing of the machine shows. Only by import; a guest has no such global. */
export function processModule(): object {
  const module = {
    argv: Object.freeze([]),
    arch: "mayfly",
    browser: true,
    cwd: (): string => "/",
    emitWarning: (warning: unknown): void => console.warn(`${warning as string}`),
    env: Object.freeze({}),
    execArgv: Object.freeze([]),
    exitCode: undefined,
    hrtime: Object.assign(hrtime, { bigint: () => BigInt(elapsedNs()) }),
    nextTick: (callback: (...args: unknown[]) => void, ...args: unknown[]): void =>
      queueMicrotask(() => callback(...args)),
    pid: 1,
    platform: "mayfly",
    title: "mayfly",
    uptime: (): number => (Date.now() - started) / 1_000,
    version: "v24.0.0",
    versions: Object.freeze({ mayfly: "0.1.0" }),
    ...listeners(),
  }
  return Object.freeze(module)
}

/** No event ever comes. */
function listeners(): Record<string, () => unknown> {
  const none = (): unknown => undefined
  return {
    on: none,
    once: none,
    off: none,
    addListener: none,
    removeListener: none,
    removeAllListeners: none,
    emit: () => false,
  }
}

function elapsedNs(): number {
  return Math.round(performance.now() * 1_000_000)
}

function hrtime(previous?: readonly [number, number]): [number, number] {
  const now = elapsedNs() - (previous === undefined ? 0 : previous[0] * 1e9 + previous[1])
  return [Math.floor(now / 1e9), now % 1e9]
}
