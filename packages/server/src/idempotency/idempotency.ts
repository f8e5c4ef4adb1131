import { randomUUID } from "node:crypto"
import { MayflyError } from "@mayfly/protocol"
import { moduleBeside, type Store, type StoreOwner, type Tables } from "@mayfly/store"
import type { KeptRequest, procedures } from "./idempotency-procedures.ts"

export interface KeyedRequest {
  /** Whose keys it is among; "" for admins of all tenants. */
  readonly tenant: string
  readonly key: string
  /** Hash of the whole request. */
  readonly request: string
}

export interface KeptAnswer {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** What became of a request: an answer to be kept, or one that the caller may simply ask for again. */
export type Outcome = KeptAnswer | "try-again" | "cut-off"

const owner: StoreOwner = {
  name: "idempotency",
  migrations: [
    `CREATE TABLE idempotency_answers (
      tenant TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, process TEXT NOT NULL, created_at BIGINT NOT NULL,
      status INTEGER, type TEXT, body TEXT, bytes INTEGER NOT NULL, PRIMARY KEY (tenant, key)
    );
    CREATE INDEX idempotency_by_time ON idempotency_answers (created_at);
    CREATE INDEX idempotency_by_tenant ON idempotency_answers (tenant, created_at, bytes)`,
  ],
  procedures: moduleBeside("idempotency-procedures", import.meta.url),
}

const keepMs = 86_400_000
/** Of one tenant. Past either, the oldest answers are forgotten early. */
const maxKeys = 10_000
const maxBytes = 64 << 20
/** A larger answer is not kept, only that there was one. */
const maxAnswerBytes = 1 << 20
const retryAfterMs = 1_000

/** Requests that are carried out once, however often they are sent. What is known of them survives the process. */
export class Idempotency {
  readonly #store: () => Promise<Store>
  readonly #process = randomUUID()
  readonly #running = new Set<string>()
  #opening: Promise<Tables<typeof procedures>> | undefined

  constructor(store: () => Promise<Store>) {
    this.#store = store
  }

  /**
   * The kept answer, if the request was carried out before. Undefined: carry it out now, and say how it ended with `finish`, whatever happens. Rejects with
   * `input.idempotency-conflict` for a key of another request or one under way, `input.idempotency-unknown` when nobody knows any more.
   */
  async begin(given: KeyedRequest): Promise<KeptAnswer | undefined> {
    const now = Date.now()
    const tables = await this.#open()
    const bounds = { forgetBefore: now - keepMs, maxKeys, maxBytes }
    const known = await tables.call("begin", { ...given, process: this.#process, now, ...bounds })
    if (known !== null) return this.#answerOf(known, given)
    this.#running.add(nameOf(given))
    return undefined
  }

  /** Rejects when it can't be written; then a repeat is told that nobody knows. */
  async finish(given: KeyedRequest, outcome: Outcome): Promise<void> {
    try {
      // Left as it is: whoever asks again is told that nobody knows.
      if (outcome === "cut-off") return
      const tables = await this.#open()
      const { tenant, key } = given
      if (outcome === "try-again") {
        const sql = "DELETE FROM idempotency_answers WHERE tenant = ? AND key = ? AND process = ?"
        await tables.write([{ sql, parameters: [tenant, key, this.#process] }])
        return
      }
      const body = Buffer.byteLength(outcome.body) > maxAnswerBytes ? null : outcome.body
      await tables.call("finish", { ...outcome, tenant, key, process: this.#process, body })
    } finally {
      this.#running.delete(nameOf(given))
    }
  }

  #answerOf(known: KeptRequest, given: KeyedRequest): KeptAnswer {
    const { status, type, body } = known
    if (known.request !== given.request) {
      const message = `the Idempotency-Key "${given.key}" was used for another request`
      throw new MayflyError("input.idempotency-conflict", message)
    }
    if (status !== null && type !== null && body !== null) return { status, type, body }
    if (status !== null) {
      const message = `the request was carried out (${status}); its answer was too large to be kept`
      throw new MayflyError("input.idempotency-unknown", message, {
        details: { status },
        fix: "Read what it made; do not send it again with a new Idempotency-Key unless it should happen twice.",
      })
    }
    if (known.process === this.#process && this.#running.has(nameOf(given))) {
      throw new MayflyError("input.idempotency-conflict", "the same request is being carried out right now", {
        retry: true,
        details: { retryAfterMs },
      })
    }
    throw new MayflyError(
      "input.idempotency-unknown",
      "the server ended while it carried out this request; nobody knows whether it took effect",
    )
  }

  #open(): Promise<Tables<typeof procedures>> {
    this.#opening ??= this.#store()
      .then((store) => store.attach<typeof procedures>(owner))
      .catch((error: unknown) => {
        this.#opening = undefined
        throw error
      })
    return this.#opening
  }
}

function nameOf({ tenant, key }: KeyedRequest): string {
  return JSON.stringify([tenant, key])
}
