import type { Run, RunEvent } from "@mayfly/client"
import type { MayflyError } from "@mayfly/protocol"

/** What a user does, in the library and through the client: one suite runs on both. */
export interface Subject {
  readonly name: string
  createWorker(options: Record<string, unknown>): Promise<SubjectWorker>
  readonly workflows: SubjectWorkflows
  createWorkflow(options: Record<string, unknown>): Promise<SubjectWorkflow>
}

export interface SubjectWorker extends AsyncDisposable {
  readonly hash: string
  run(input?: unknown, options?: object): Promise<unknown>
  execute(input?: unknown, options?: object): Promise<Run>
  stream(input?: unknown, options?: object): AsyncGenerator<RunEvent, void, void>
  executeRequest(request: Request | string | URL, options?: object): Promise<Run>
  streamRequest(request: Request, options?: object): AsyncGenerator<RunEvent, void, void>
  fetch(request: Request | string, init?: object): Promise<Response>
  prewarm(count: number): Promise<void>
  dispose(): Promise<void>
}

export interface SubjectWorkflow {
  readonly id: string
  status(): Promise<Record<string, unknown>>
  result(): Promise<unknown>
  sendEvent(event: { type: string; payload?: unknown }): Promise<{ isDuplicate: boolean }>
  pause(): Promise<void>
  resume(): Promise<void>
  terminate(options?: object): Promise<void>
  restart(options?: object): Promise<void>
  history(options?: object): Promise<readonly Record<string, unknown>[]>
  subscribe(options?: object): AsyncGenerator<Record<string, unknown>, void, void>
  delete(): Promise<void>
}

export interface SubjectWorkflows {
  get(id: string): Promise<SubjectWorkflow>
  list(options?: object): Promise<{ readonly workflows: readonly { readonly id: string }[] }>
}

/** What a caller branches on. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    return { value: await promise }
  } catch (error) {
    const { code, details } = error as MayflyError
    return { code, ...(details?.["path"] === undefined ? {} : { path: details["path"] }) }
  }
}
