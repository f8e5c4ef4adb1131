import type { EntrypointOptions, LoadedWorker } from "../loader/worker-stub.ts"

/** Stands for a class that a worker exports: what a facet is started with. Nothing is loaded before. */
export class DurableObjectClass {
  /** The export's name. */
  readonly name: string
  readonly options: EntrypointOptions
  readonly #load: () => Promise<LoadedWorker>

  constructor(name: string, options: EntrypointOptions, load: () => Promise<LoadedWorker>) {
    this.name = name
    this.options = options
    this.#load = load
  }

  /** The worker that has the class. Rejects with its failure to load. */
  load(): Promise<LoadedWorker> {
    return this.#load()
  }
}
