import { execFileSync } from "node:child_process"
import { closeSync, constants, mkdirSync, openSync, unlinkSync } from "node:fs"

export interface RealPipe {
  readonly readFd: number
  readonly writeFd: number
}

const folder = "/run/agent"
const poolSize = 32
const pool: RealPipe[] = []
let nextName = 0

/**
 * A pipe. Node's own are socket pairs, on which `echo x > /dev/stderr` and `tee /dev/stderr` fail. Node can't make pipes, so these are named
 * ones that lose their name at once; many are made by one call of mkfifo.
 */
export function makePipe(): RealPipe {
  if (pool.length === 0) for (const path of namedPipes(poolSize)) pool.push(openNamed(path))
  const pipe = pool.pop()
  if (pipe === undefined) throw new Error("no pipe could be made")
  return pipe
}

/** The pipe for a command's stdin. The end that a command reads must wait for data, not say "try again". */
export function makeInputPipe(): RealPipe {
  const { readFd, writeFd } = makePipe()
  const waitingFd = openSync(`/proc/self/fd/${readFd}`, constants.O_RDONLY)
  closeSync(readFd)
  return { readFd: waitingFd, writeFd }
}

/** Fills the pool, so that the first command doesn't wait for it. */
export function preparePipes(): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { readFd, writeFd } = makePipe()
  closeSync(readFd)
  closeSync(writeFd)
}

/** Paths of new named pipes. */
export function namedPipes(count: number): string[] {
  const paths = Array.from({ length: count }, () => `${folder}/${nextName++}`)
  execFileSync("/usr/bin/mkfifo", ["-m", "600", ...paths], { stdio: "ignore" })
  return paths
}

function openNamed(path: string): RealPipe {
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writeFd = openSync(path, constants.O_WRONLY)
  unlinkSync(path)
  return { readFd, writeFd }
}
