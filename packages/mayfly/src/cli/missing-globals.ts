import { MayflyError } from "@mayfly/protocol"

/** What guests have and a served worker does not: using it says so, where an undefined name would not say what to do. */
export class HTMLRewriter {
  constructor() {
    throw missing("HTMLRewriter")
  }
}

export const caches = Object.freeze({
  get default(): never {
    throw missing("caches")
  },
  open(): Promise<never> {
    return Promise.reject(missing("caches"))
  },
})

function missing(name: string): MayflyError {
  return new MayflyError("worker.unsupported", `${name} exists in guests, not in the served worker itself`, {
    fix: `Use ${name} in a worker that env.LOADER or DynamicWorker makes.`,
  })
}
