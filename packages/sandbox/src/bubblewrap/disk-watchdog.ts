import { findProgram } from "./find-program.ts"
import { runProgram } from "./run-program.ts"

const shortestMs = 2_000

/** Where the disk has no limit for us: measures the folder now and then, and less often the longer that takes. */
export function watchDisk(
  folder: string,
  { diskBytes, onExceeded }: { readonly diskBytes: number; readonly onExceeded: (bytes: number) => void },
): () => void {
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  const look = async (): Promise<void> => {
    const started = performance.now()
    const bytes = await diskUsage(folder)
    if (isOver) return
    if (bytes !== null && bytes > diskBytes) return onExceeded(bytes)
    timer = setTimeout(() => void look(), Math.max(shortestMs, 20 * (performance.now() - started))).unref()
  }
  timer = setTimeout(() => void look(), shortestMs).unref()
  return () => {
    isOver = true
    clearTimeout(timer)
  }
}

/** Bytes below a folder, links not followed. */
export async function diskUsage(folder: string): Promise<number | null> {
  const du = findProgram("du")
  if (du === undefined) return null
  const { stdout } = await runProgram(du, ["-skx", "--", folder], 60_000)
  const kilobytes = /^(\d+)/.exec(stdout)?.[1]
  return kilobytes === undefined ? null : Number(kilobytes) * 1_024
}
