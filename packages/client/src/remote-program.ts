import { errorFromJson, MayflyError } from "@mayfly/protocol"
import type { RemoteMessage, RemoteValues } from "@mayfly/protocol/remote"
import { type Session, sessionError, type SessionMain } from "./session.ts"

/** A worker on the server, as a session shows it. */
export interface WorkerStub extends Disposable {
  execute(call: unknown): RunStub
  stream(call: unknown, sink: (event: unknown) => Promise<void>): RunStub
  fetch(request: Request, options: unknown): FetchStub
  prewarm(count: number): Promise<{ error?: unknown }>
}

export interface RunStub extends Disposable {
  ended(): Promise<{ run?: unknown; error?: unknown }>
  cancel(): Promise<void>
}

export interface FetchStub extends Disposable {
  ended(): Promise<{ response?: Response; error?: unknown }>
  cancel(): Promise<void>
}

interface Offered {
  readonly main: SessionMain
  readonly stub: WorkerStub
  readonly hash: string
}

/** A program and its `env`, offered to the server on whatever session there is: what lives in the client is there again when the connection broke. */
export class RemoteProgram implements Disposable {
  readonly #session: Session
  readonly #values: RemoteValues
  readonly #message: RemoteMessage
  #offered: Offered | undefined
  #offering: Promise<Offered> | undefined

  constructor(session: Session, values: RemoteValues, message: RemoteMessage) {
    this.#session = session
    this.#values = values
    this.#message = message
  }

  /** Rejects with what the server refuses the program with, and `client.unreachable`. */
  async offer(): Promise<Offered> {
    const main = await this.#session.open()
    if (this.#offered?.main === main) return this.#offered
    this.#offering ??= this.#create(main).finally(() => (this.#offering = undefined))
    return this.#offering
  }

  [Symbol.dispose](): void {
    this.#offered?.stub[Symbol.dispose]()
    this.#offered = undefined
    this.#values.dispose()
  }

  async #create(main: SessionMain): Promise<Offered> {
    try {
      const { worker, hash, error } = await main.createWorker(this.#message)
      if (error !== undefined) throw refusal(this.#values.decode(error))
      this.#offered = { main, stub: worker as WorkerStub, hash: String(hash) }
      return this.#offered
    } catch (error) {
      throw sessionError(error)
    }
  }
}

/** What the server says went wrong. */
export function refusal(error: unknown): MayflyError {
  return errorFromJson(error) ?? new MayflyError("client.not-mayfly", "the server sent an error without a code")
}
