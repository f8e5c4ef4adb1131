import {
  type Approval,
  type ApprovalDesk,
  type ApprovalQuestion,
  type ApprovalsOptions,
  type Decision,
  type ListApprovals,
  openApprovals,
} from "@mayfly/mesh"
import type { Store } from "@mayfly/store"

/** The approvals of a platform, opened at the first question. */
export class PlatformApprovals implements ApprovalDesk {
  readonly #store: () => Promise<Store>
  readonly #options: ApprovalsOptions
  #opening: Promise<ApprovalDesk> | undefined
  #open: ApprovalDesk | undefined
  readonly #listening = new Set<Listening>()

  constructor(store: () => Promise<Store>, options: ApprovalsOptions) {
    this.#store = store
    this.#options = options
  }

  async ask(question: ApprovalQuestion, signal: AbortSignal): ReturnType<ApprovalDesk["ask"]> {
    return (await this.#desk()).ask(question, signal)
  }

  async list(options?: ListApprovals): Promise<readonly Approval[]> {
    return (await this.#desk()).list(options)
  }

  async get(id: string): Promise<Approval | null> {
    return (await this.#desk()).get(id)
  }

  async decide(id: string, decision: Decision): Promise<Approval> {
    return (await this.#desk()).decide(id, decision)
  }

  onQuestion(listener: (approval: Approval) => void): () => void {
    return this.#listen((desk) => desk.onQuestion(listener))
  }

  onDecision(listener: (approval: Approval) => void): () => void {
    return this.#listen((desk) => desk.onDecision(listener))
  }

  /** Listening alone opens nothing: a desk that is not there yet has no questions. */
  #listen(start: (desk: ApprovalDesk) => () => void): () => void {
    const listening: Listening = { start, stop: this.#open && start(this.#open) }
    this.#listening.add(listening)
    return () => {
      this.#listening.delete(listening)
      listening.stop?.()
    }
  }

  #desk(): Promise<ApprovalDesk> {
    this.#opening ??= this.#store()
      .then((store) => openApprovals(store, this.#options))
      .then((desk) => {
        this.#open = desk
        for (const listening of this.#listening) listening.stop = listening.start(desk)
        return desk
      })
      .catch((error: unknown) => {
        this.#opening = undefined
        throw error
      })
    return this.#opening
  }
}

interface Listening {
  readonly start: (desk: ApprovalDesk) => () => void
  stop: (() => void) | undefined
}
