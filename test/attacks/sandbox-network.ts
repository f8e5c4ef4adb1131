import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import type { TestContext } from "node:test"
import {
  createHttpEgress,
  createSandboxProxy,
  type EgressOptions,
  enterNamespace,
  openNamespaceListeners,
  type SandboxProxy,
  type SandboxProxyOptions,
} from "@mayfly/mesh"
import type { LedgerRow, NetworkPolicy } from "@mayfly/protocol"

const unshare = ["--user", "--map-root-user", "--net"]

/** Why there can be no network of its own for a test here, or false. */
export const noNamespaces: string | false = reasonAgainst()

function reasonAgainst(): string | false {
  if (process.platform !== "linux") return "network namespaces are Linux's"
  const tried = spawnSync("unshare", [...unshare, "ip", "link", "set", "lo", "up"], { encoding: "utf8" })
  if (tried.error !== undefined) return `unshare: ${tried.error.message}`
  return tried.status === 0 ? false : `no network namespace can be made here: ${tried.stderr.trim()}`
}

export interface Done {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface SandboxNetwork {
  readonly proxy: SandboxProxy
  /** A file with the certificate that the sandbox trusts. */
  readonly caFile: string
  readonly folder: string
  /** The command that enters it. */
  readonly enter: readonly string[]
  /** Rows whose outcome is known. */
  readonly rows: readonly LedgerRow[]
  /** Runs a program whose network is the sandbox's. */
  run(command: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Done>
  /** `curl` with a time limit, quiet, with the body in `stdout`. */
  curl(...args: readonly string[]): Promise<Done>
  /** Runs a body of JavaScript in Node; gives what it prints. */
  node(script: string): Promise<string>
  ended(count: number): Promise<void>
}

export interface SandboxNetworkOptions extends Partial<Omit<SandboxProxyOptions, "policy" | "egress">> {
  readonly policy: NetworkPolicy
  readonly egress?: EgressOptions
}

/** A network namespace without any device but its loopback, served by a proxy whose names are all on this machine. */
export async function sandboxNetwork(t: TestContext, options: SandboxNetworkOptions): Promise<SandboxNetwork> {
  const { policy, egress: egressOptions, ...rest } = options
  const folder = mkdtempSync(join(tmpdir(), "mayfly-sandbox-network-"))
  writeFileSync(join(folder, "resolv.conf"), "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n")
  const holder = spawn("unshare", [...unshare, "--mount", "sh", "-c", hold, "sh", join(folder, "resolv.conf")], {
    stdio: ["pipe", "pipe", "inherit"],
  })
  await once(holder.stdout, "data")
  const rows: LedgerRow[] = []
  const egress = createHttpEgress({ lookup: () => Promise.resolve(["127.0.0.1"]), ...egressOptions })
  const given = { tenant: "t", sandboxId: "sbx_1", onRow: (row: LedgerRow) => void rows.push(row), ...rest }
  const proxy = createSandboxProxy({ ...given, policy, egress })
  t.after(async () => {
    await proxy.close()
    await egress.close()
    holder.stdin.end()
    await once(holder, "close")
    rmSync(folder, { recursive: true, force: true })
  })
  const enter = enterNamespace(holder.pid ?? 0, { user: true })
  proxy.serve(await openNamespaceListeners({ enter, ports: proxy.ports }))
  const caFile = join(folder, "ca.pem")
  writeFileSync(caFile, proxy.certificate)
  const [program = "", ...within] = enter.toSpliced(-1, 0, "-m", `--wd=${folder}`)
  const run: SandboxNetwork["run"] = async (command, args, env = {}) => {
    const child = spawn(program, [...within, command, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"] ?? "", HOME: folder, NODE_EXTRA_CA_CERTS: caFile, ...env },
    })
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")])
    return { code: code as number | null, stdout, stderr }
  }
  return {
    proxy,
    caFile,
    folder,
    enter,
    rows,
    run,
    curl: (...args) => run("curl", ["-sS", "--max-time", "20", "--cacert", caFile, ...args]),
    async node(script) {
      const { code, stdout, stderr } = await run(process.execPath, ["--input-type=module", "-e", script])
      if (code !== 0) throw new Error(`${stdout}\n${stderr}`)
      return stdout.trim()
    },
    async ended(count) {
      while (rows.length < count) await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

/** Lives until its input ends. */
const hold = 'mount --bind "$1" /etc/resolv.conf && echo ready && exec cat'
