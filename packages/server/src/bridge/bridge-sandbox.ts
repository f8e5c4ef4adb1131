import { randomBytes } from "node:crypto"
import { posix } from "node:path"
import type { Sandbox, SandboxShell, SandboxTerminal } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { z } from "zod"
import { invalid } from "../parse-fields.ts"
import type { Call } from "../route/call.ts"
import { tenantField } from "../schema/common.ts"

export const bridgeParams = z.object({ id: z.string().describe("Lower-case letters and the digits 2 to 7.") })
/** Clients send what they like beside it. */
export const bridgeQuery = z.looseObject({ tenant: tenantField })

type BridgeCall = Call<{ readonly id: string }, { readonly tenant?: string | undefined }>

const idShape = /^[a-z2-7]{1,63}$/
const base32 = "abcdefghijklmnopqrstuvwxyz234567"

export function bridgeId(): string {
  return Array.from(randomBytes(26), (byte) => base32[byte & 31]).join("")
}

/** The one that is named; made when it is not there, as at Cloudflare. */
export function bridgeSandbox({ server, access, params, query }: BridgeCall): Promise<Sandbox> {
  if (!idShape.test(params.id)) throw new MayflyError("input.invalid", "Invalid sandbox ID format")
  return server.platform.sandboxes(access.tenant(query.tenant)).open(params.id)
}

/** A path below /workspace, undefined for one that leads out of it by its text. */
export function workspacePath(path: string): string | undefined {
  const resolved = posix.resolve("/workspace", path)
  return resolved === "/workspace" || resolved.startsWith("/workspace/") ? resolved : undefined
}

/** What clients name in a sandbox and come back to. It goes with the sandbox. */
interface Named {
  readonly sessions: Map<string, SandboxShell>
  readonly terminals: Map<string, string>
}

const named = new WeakMap<Sandbox, Named>()

function namedOf(sandbox: Sandbox): Named {
  const found = named.get(sandbox) ?? { sessions: new Map(), terminals: new Map() }
  named.set(sandbox, found)
  return found
}

export interface SessionOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Throws `input.invalid`. */
export function parseSessionId(id: unknown): string {
  if (typeof id === "string" && /^[a-zA-Z0-9._-]{1,128}$/.test(id) && !id.includes("..")) return id
  throw invalid("Session-Id", "must be up to 128 letters, digits or any of ._-")
}

/** The session that a request names; none runs each command by itself. One that is not there, or has ended, is begun. */
export async function sessionOf(sandbox: Sandbox, header: string | undefined): Promise<SandboxShell | undefined> {
  if (header === undefined) return undefined
  const id = parseSessionId(header)
  return aliveSession(sandbox, id) ?? (await openSession(sandbox, id, {}))
}

function aliveSession(sandbox: Sandbox, id: string): SandboxShell | undefined {
  const { sessions } = namedOf(sandbox)
  const alive = new Set(sandbox.shells())
  for (const [name, shell] of sessions) if (!alive.has(shell)) sessions.delete(name)
  return sessions.get(id)
}

/** Throws `sandbox.exists`. */
export async function openSession(sandbox: Sandbox, id: string, options: SessionOptions): Promise<SandboxShell> {
  const taken = (): MayflyError => new MayflyError("sandbox.exists", `there is a session "${id}" already`)
  if (aliveSession(sandbox, id) !== undefined) throw taken()
  const shell = await sandbox.shell(options)
  // Another request was quicker.
  if (aliveSession(sandbox, id) !== undefined) {
    await shell.close()
    throw taken()
  }
  namedOf(sandbox).sessions.set(id, shell)
  return shell
}

export async function closeSession(sandbox: Sandbox, id: string): Promise<void> {
  const shell = aliveSession(sandbox, id)
  if (shell === undefined) throw new MayflyError("sandbox.not-found", `there is no session "${id}"`)
  namedOf(sandbox).sessions.delete(id)
  await shell.close()
}

/** The terminal of a session: the one that is there, or one that `make` makes. */
export async function terminalOf(
  sandbox: Sandbox,
  session: string,
  make: () => Promise<SandboxTerminal>,
): Promise<SandboxTerminal> {
  const { terminals } = namedOf(sandbox)
  const alive = sandbox.terminals()
  for (const [name, id] of terminals) if (!alive.some((one) => one.id === id)) terminals.delete(name)
  const known = alive.find(({ id }) => id === terminals.get(session))
  if (known !== undefined) return known
  const made = await make()
  terminals.set(session, made.id)
  return made
}
