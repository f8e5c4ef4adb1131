import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { chmodSync, chownSync, cpSync, mkdirSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { importPeer, postgresPrograms } from "./peers.ts"

export interface Postgres {
  readonly url: string
  /** Bytes of all tables and indexes. */
  bytes(): Promise<number>
  stop(): Promise<void>
  /** At once, without waiting. */
  kill(): void
}

interface Client {
  connect(): Promise<void>
  query(sql: string): Promise<{ rows: readonly Record<string, unknown>[] }>
  end(): Promise<void>
}

/** A Postgres of its own, with its defaults: every commit is synced. It refuses to run as root. */
export async function startPostgres(folder: string): Promise<Postgres> {
  const data = join(folder, "data")
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const { programs, before, as } = whoever(folder, data, postgresPrograms())
  const start = (name: string, args: readonly string[], stderr: "ignore" | "pipe"): ChildProcess => {
    const [program = "", ...rest] = [...before, join(programs, "bin", name), ...args]
    const env = { PATH: process.env["PATH"] ?? "", LC_ALL: "C" }
    return spawn(program, rest, { ...as, env, cwd: data, stdio: ["ignore", "ignore", stderr] })
  }
  await succeed(start("initdb", ["-D", data, "-U", "bench", "--auth=trust", "--no-locale", "-E", "UTF8"], "pipe"))
  const port = await freePort()
  const options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200"]
  const server = start("postgres", ["-D", data, "-p", String(port), ...options], "ignore")
  const gone = new Promise((resolve) => server.once("exit", resolve))
  const kill = (): void => void server.kill("SIGKILL")
  process.once("exit", kill)
  const url = `postgres://bench@127.0.0.1:${port}/bench`
  await ready(`postgres://bench@127.0.0.1:${port}/postgres`)
  return {
    url,
    bytes: async () => Number((await query(url, "SELECT pg_database_size('bench') AS bytes"))["bytes"]),
    kill,
    async stop() {
      process.off("exit", kill)
      // Fast shutdown: sessions are ended, everything is written.
      server.kill("SIGINT")
      await gone
    },
  }
}

interface Whoever {
  readonly programs: string
  /** What goes before the command. */
  readonly before: readonly string[]
  readonly as: { readonly uid?: number; readonly gid?: number }
}

/** Root becomes somebody else: in a user namespace where there are any, so that files stay root's, else for good. */
function whoever(folder: string, data: string, programs: string): Whoever {
  if (process.getuid?.() !== 0) return { programs, before: [], as: {} }
  const user = somebody()
  const before = ["unshare", "--user", `--map-user=${user.uid}`, `--map-group=${user.gid}`]
  if (spawnSync(before[0] ?? "", [...before.slice(1), "true"]).status === 0) return { programs, before, as: {} }
  // Nobody else can read a checkout in a home directory.
  const copy = join(folder, "programs")
  cpSync(programs, copy, { recursive: true, verbatimSymlinks: true })
  chmodSync(folder, 0o711)
  chownSync(data, user.uid, user.gid)
  return { programs: copy, before: [], as: user }
}

async function succeed(child: ChildProcess): Promise<void> {
  let said = ""
  child.stderr?.on("data", (text: Buffer) => (said = (said + text.toString()).slice(-1_000)))
  const status = await new Promise<unknown>((resolve, reject) => child.once("error", reject).once("close", resolve))
  if (status !== 0) throw new Error(`initdb fails: ${said.trim().replaceAll("\n", " ")}`)
}

async function ready(url: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await query(url, "CREATE DATABASE bench")
      return
    } catch (error) {
      if (tries === 100) throw error
      await delay(100)
    }
  }
}

async function query(url: string, sql: string): Promise<Record<string, unknown>> {
  const { default: pg } = await importPeer<{ default: { Client: new (options: object) => Client } }>("pg")
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    return (await client.query(sql)).rows[0] ?? {}
  } finally {
    await client.end().catch(() => {})
  }
}

/** A user that is no root and has a name, which initdb wants. */
function somebody(): { readonly uid: number; readonly gid: number } {
  for (const name of ["postgres", "nobody"]) {
    try {
      const id = (flag: string): number =>
        Number(execFileSync("id", [flag, name], { stdio: ["ignore", "pipe", "ignore"] }))
      return { uid: id("-u"), gid: id("-g") }
    } catch {
      // The next one.
    }
  }
  throw new Error("Postgres does not run as root, and there is no user postgres or nobody")
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === "string") throw new Error("there is no free port")
  return address.port
}
