import { checkAnswer, type Contender } from "./contender.ts"
import { input } from "./program.ts"
import { workerdConfig, workerdParent } from "./workerd-parent.ts"
import { startWorkerdServer, type WorkerdServer } from "./workerd-server.ts"

export interface WorkerdMode {
  /** `load`: a fresh worker per call. `get`: one worker, kept warm. */
  readonly kind: "load" | "get"
  /** Whether the loop runs inside the parent worker, so that no HTTP is in the figures. */
  readonly isInside: boolean
  /** workerd runs all its JavaScript on one thread; calls go round robin over this many processes. */
  readonly processes: number
}

/** workerd's worker loader, driven by a parent worker over loopback HTTP. */
export async function startWorkerd({ kind, isInside, processes }: WorkerdMode): Promise<Contender> {
  const servers = await Promise.all(Array.from({ length: processes }, start))
  let turn = 0
  const next = (): WorkerdServer => servers[turn++ % servers.length] as WorkerdServer
  const loop = async (clients: number, runs: number): Promise<number> => {
    const started = performance.now()
    await next().post(`/loop?kind=${kind}&clients=${clients}&runs=${runs}`)
    return performance.now() - started
  }
  return {
    async use(script) {
      await Promise.all(servers.map((server) => server.post("/program", script)))
    },
    run: async () => checkAnswer(JSON.parse(await next().post(`/run?kind=${kind}`, JSON.stringify(input)))),
    ...(isInside ? { loop } : {}),
    async hold(count) {
      await next().post(`/hold?count=${count}`)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server.stop()))
    },
  }
}

function start(): Promise<WorkerdServer> {
  return startWorkerdServer({ "config.capnp": workerdConfig, "parent.js": workerdParent })
}
