import type { KeyInfo } from "@mayfly/protocol"
import { Access } from "./access.ts"

/** The longest that a timer can wait. */
const maxTimerMs = 2_147_483_647

/** The reason of an aborted signal. */
export class KeyEnded extends Error {}

/** A key in memory: what it may do, and who must be told when it ends. */
export class KnownKey {
  readonly access: Access
  lastUsedAt: number | null
  readonly #info: Omit<KeyInfo, "lastUsedAt">
  #revokedAt: number | null
  #ending: AbortController | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(info: KeyInfo) {
    this.#info = info
    this.#revokedAt = info.revokedAt
    this.lastUsedAt = info.lastUsedAt
    const { id: keyId, name, tenant, scopes, expiresAt } = info
    this.access = new Access({ keyId, name, tenant, scopes, expiresAt, ended: () => this.#ended() })
  }

  get info(): KeyInfo {
    return { ...this.#info, revokedAt: this.#revokedAt, lastUsedAt: this.lastUsedAt }
  }

  /** Why it counts no more, if so. */
  problem(now: number): "revoked" | "expired" | undefined {
    if (this.#revokedAt !== null) return "revoked"
    const { expiresAt } = this.#info
    return expiresAt !== null && expiresAt <= now ? "expired" : undefined
  }

  revoke(at: number): void {
    this.#revokedAt = at
    this.#ending?.abort(new KeyEnded("the key was revoked"))
    this.release()
  }

  /** Ends its timer. */
  release(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Made when something that stays open first asks for it. */
  #ended(): AbortSignal {
    if (this.#ending === undefined) {
      this.#ending = new AbortController()
      this.#watch(this.#ending)
    }
    return this.#ending.signal
  }

  #watch(ending: AbortController): void {
    const problem = this.problem(Date.now())
    if (problem !== undefined)
      return ending.abort(new KeyEnded(problem === "revoked" ? "the key was revoked" : "the key has expired"))
    const { expiresAt } = this.#info
    if (expiresAt === null) return
    const waitMs = Math.min(expiresAt - Date.now(), maxTimerMs)
    this.#timer = setTimeout(() => this.#watch(ending), waitMs).unref()
  }
}
