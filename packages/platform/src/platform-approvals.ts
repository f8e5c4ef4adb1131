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
    let stop: (() => void) | undefined
    let isOver = false
    // Opened without being waited for: a desk that can't be opened has no questions.
    const opened = this.#desk().then(
      (desk) => {
        if (!isOver) stop = desk.onQuestion(listener)
      },
      () => {},
    )
    return () => {
      isOver = true
      void opened.then(() => stop?.())
    }
  }

  #desk(): Promise<ApprovalDesk> {
    this.#opening ??= this.#store()
      .then((store) => openApprovals(store, this.#options))
      .catch((error: unknown) => {
        this.#opening = undefined
        throw error
      })
    return this.#opening
  }
}
