const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** Milliseconds as Node's `console.time` prints them: "5ms", "1.500s", "2:03.000 (m:ss.mmm)". */
export function formatDuration(ms: number): string {
  if (ms < second) return `${Number(ms.toFixed(3))}ms`
  if (ms < minute) return `${(ms / second).toFixed(3)}s`
  const minutes = Math.trunc((ms % hour) / minute)
  const rest = ((ms % minute) / second).toFixed(3).padStart(6, "0")
  if (ms < hour) return `${minutes}:${rest} (m:ss.mmm)`
  return `${Math.trunc(ms / hour)}:${String(minutes).padStart(2, "0")}:${rest} (h:mm:ss.mmm)`
}
