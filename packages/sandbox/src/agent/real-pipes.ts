import { execFileSync } from "node:child_process"
import { closeSync, constants, existsSync, mkdirSync, openSync, unlinkSync } from "node:fs"
import { pipeFolder, pipesMadeBefore } from "./pipe-names.ts"

export interface RealPipe {
  readonly readFd: number
  readonly writeFd: number
}

const poolSize = 32
const pool: string[] = []
let made: readonly string[] = pipesMadeBefore
let nextName = made.length

/**
 * A pipe. Node's own are socket pairs, on which `echo x > /dev/stderr` and `tee /dev/stderr` fail. Node can't make pipes, so these are named
 * ones that lose their name at once; many are made by one call of mkfifo.
 */
export function makePipe(): RealPipe {
  if (pool.length === 0) pool.push(...(takeMade() ?? namedPipes(poolSize)))
  const path = pool.pop()
  if (path === undefined) throw new Error("no pipe could be made")
  return openNamed(path)
}

/** The pipe for a command's stdin. The end that a command reads must wait for data, not say "try again". */
export function makeInputPipe(): RealPipe {
  const { readFd, writeFd } = makePipe()
  const waitingFd = openSync(`/proc/self/fd/${readFd}`, constants.O_RDONLY)
  closeSync(readFd)
  return { readFd: waitingFd, writeFd }
}

/** Those that were made while this process started, so that the first command need not wait for any. */
function takeMade(): readonly string[] | undefined {
  const taken = made
  made = []
  const last = taken.at(-1)
  return last !== undefined && existsSync(last) ? taken : undefined
}

/** Paths of new named pipes. */
export function namedPipes(count: number): string[] {
  const paths = Array.from({ length: count }, () => `${pipeFolder}/${nextName++}`)
  mkdirSync(pipeFolder, { recursive: true, mode: 0o700 })
  execFileSync("/usr/bin/mkfifo", ["-m", "600", ...paths], { stdio: "ignore" })
  return paths
}

function openNamed(path: string): RealPipe {
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writeFd = openSync(path, constants.O_WRONLY)
  unlinkSync(path)
  return { readFd, writeFd }
}
