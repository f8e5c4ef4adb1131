import { existsSync, statSync } from "node:fs"
import { resolve } from "node:path"
import { inspect } from "node:util"
import type { Platform } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { listenForWorker, ServedWorker, withoutVersions, type WorkerListener, workflowOrigin } from "@mayfly/server"
import { errorLine, invalid } from "./command-error.ts"
import type { Output } from "./output.ts"
import { printable } from "./printable.ts"
import { resumeWorkflows } from "./resume-workflows.ts"
import { safeLine } from "./safe-line.ts"
import { watchFiles } from "./watch-files.ts"
import { whenAborted } from "./when-aborted.ts"
import { installWorkerGlobals, tenantBindings, workerBindings } from "./worker-globals.ts"
import { readWorkerVars, varFiles, type VarFlags } from "./worker-vars.ts"

export interface WorkerFlags extends VarFlags {
  readonly watch?: boolean
  readonly allowHost?: readonly string[]
}

export interface WorkerAddress {
  readonly host: string
  readonly port: number
}

/** More of an error than this is no help, and a guest may have written it. */
const maxErrorText = 16 << 10

/** A served worker with its socket, for one `mayfly serve`. */
export class WorkerSession {
  readonly #path: string
  readonly #flags: WorkerFlags
  readonly #output: Output
  readonly #listener: WorkerListener

  private constructor(path: string, flags: WorkerFlags, output: Output, listener: WorkerListener) {
    this.#path = path
    this.#flags = flags
    this.#output = output
    this.#listener = listener
  }

  /** Checks the options and takes the port, before anything is started for it. Rejects with `input.invalid` or `platform.port-in-use`. */
  static async open(file: string, address: WorkerAddress, flags: WorkerFlags, output: Output): Promise<WorkerSession> {
    const path = resolve(file)
    if (!existsSync(path)) throw invalid("WORKER", `"${file}" can't be served: there is no such file`)
    if (!statSync(path).isFile()) throw invalid("WORKER", `"${file}" can't be served: it is not a file`)
    readWorkerVars(path, flags)
    const { allowHost: allowedHosts = [] } = flags
    const onFailure = (what: string, error: unknown): void => report(output, what, error)
    return new WorkerSession(path, flags, output, await listenForWorker({ ...address, allowedHosts, onFailure }))
  }

  get url(): string {
    return this.#listener.url
  }

  /** Serves until `stop` fires. Rejects when the worker can't be loaded, unless its files are watched. */
  async serve(platform: Platform, stop: AbortSignal): Promise<void> {
    installWorkerGlobals(platform)
    platform.provideWorkflowOrigin(workflowOrigin)
    using _errors = logStrayErrors(this.#output)
    using worker = new ServedWorker({
      path: this.#path,
      platform,
      bindings: () => ({ ...readWorkerVars(this.#path, this.#flags), ...workerBindings(platform) }),
      tenantBindings: (tenant) => tenantBindings(platform, tenant),
      modules: { mayfly: libraryUrl },
      onFailure: (what, error) => report(this.#output, what, error),
    })
    let resuming = new AbortController()
    const load = async (): Promise<void> => {
      await this.#load(worker)
      await platform.provideWorkflowClasses(worker.workflowClasses)
      // What the version before did not bring back, this one may. Functions that are here stay as they are.
      resuming.abort()
      resuming = new AbortController()
      void this.#resumeWorkflows(worker, platform, AbortSignal.any([stop, resuming.signal]))
    }
    if (this.#flags.watch === true) await this.#watch(worker, load, stop)
    else await loadedAndStopped(load(), stop)
    await this.#listener.stop()
  }

  async #load(worker: ServedWorker): Promise<void> {
    try {
      await worker.load()
    } finally {
      // Also after a failure: its requests are told so.
      this.#listener.serve(worker)
    }
    this.#output.stdout.write(`worker is serving at ${this.url}\n`)
  }

  async #resumeWorkflows(worker: ServedWorker, platform: Platform, stop: AbortSignal): Promise<void> {
    try {
      await resumeWorkflows(worker, platform, {
        url: this.url,
        signal: stop,
        onFailure: (what, error) => report(this.#output, what, error),
        onLeft: (text) => void this.#output.stderr.write(`${safeLine(text)}\n`),
      })
    } catch (error) {
      if (!stop.aborted) report(this.#output, "resume of workflows", error)
    }
  }

  async #watch(worker: ServedWorker, load: () => Promise<void>, stop: AbortSignal): Promise<void> {
    for (let count = 0; !stop.aborted; count++) {
      using changes = watchFiles(this.#path, varFiles(this.#path, this.#flags))
      if (count > 0) this.#output.stderr.write(`---- ${new Date().toTimeString().slice(0, 8)} changed ----\n`)
      // A mistake may be corrected while we watch; the version before goes on answering.
      const loading = load().catch((error: unknown) => printLoadError(this.#output, error))
      await Promise.race([loading, whenAborted(AbortSignal.any([stop, changes.signal]))])
      changes.alsoWatch(worker.files().filter((file) => existsSync(file)))
      await whenAborted(AbortSignal.any([stop, changes.signal]))
    }
  }
}

/** A worker may wait for ever while it is loaded; that must not keep us from stopping. */
async function loadedAndStopped(loading: Promise<void>, stop: AbortSignal): Promise<void> {
  await Promise.race([loading.then(() => whenAborted(stop)), whenAborted(stop)])
}

/** The library, for workers that import it: theirs would start a platform of its own. */
const libraryUrl = new URL(import.meta.url.endsWith(".ts") ? "../index.ts" : "../index.js", import.meta.url).href

/** A promise or timer that nobody looks after must not end the others' requests. */
function logStrayErrors(output: Output): Disposable {
  const onError = (error: unknown): void => report(output, "outside of any request", error)
  process.on("uncaughtException", onError)
  process.on("unhandledRejection", onError)
  return {
    [Symbol.dispose]() {
      process.off("uncaughtException", onError)
      process.off("unhandledRejection", onError)
    },
  }
}

/** The whole stack: the worker is the reader's own. Its text may come from a guest, and must not command the terminal. */
function report(output: Output, what: string, error: unknown): void {
  output.stderr.write(`mayfly: worker failed: ${printable(what, false)}\n${errorText(error)}\n`)
}

/** What is wrong with the worker; when it failed by itself, with the stack. */
export function printLoadError(output: Output, error: unknown): void {
  const cause = error instanceof MayflyError && error.code === "server.worker-failed" ? error.cause : undefined
  output.stderr.write(`${errorLine(error)}\n${cause === undefined ? "" : `${errorText(cause)}\n`}`)
}

function errorText(error: unknown): string {
  return printable(withoutVersions(inspect(error)).slice(0, maxErrorText), false)
}
