import { request } from "node:http"
import { createPlatform, DynamicWorker, type Platform } from "@mayfly/platform"
import { startWorkerdServer, type WorkerdServer } from "../contenders/workerd-server.ts"
import type { Settings } from "./settings.ts"
import { median, percentile } from "./statistics.ts"

/** What crosses between a program and whoever gave it its bindings and reads its bodies. */
export interface BridgeRow {
  readonly name: string
  /** One call of a binding after the other: the median, where single calls can be timed, and the mean. */
  readonly callP50Ms: number | undefined
  readonly callMeanMs: number
  /** With `concurrentCalls` under way. */
  readonly callsPerSecond: number
  /** A response's body, and a request's, in chunks of 64 KiB. */
  readonly downMegabytesPerSecond: number
  readonly upMegabytesPerSecond: number
}

const concurrentCalls = 100
const mebibyte = 1 << 20
const chunkBytes = 64 << 10

/** One contender's way to do each of the four. Times are in milliseconds. */
interface Crossing extends AsyncDisposable {
  readonly name: string
  sequence(calls: number): Promise<{ readonly ms: number; readonly gaps?: readonly number[] }>
  concurrent(calls: number): Promise<number>
  down(bytes: number): Promise<number>
  up(bytes: number): Promise<number>
}

/** Interleaved rounds; medians. `withWorkerd` says whether it can be had. */
export async function measureBridge(settings: Settings, withWorkerd: boolean): Promise<BridgeRow[]> {
  const crossings = [await mayflyCrossing(), ...(withWorkerd ? [await workerdCrossing()] : [])]
  const rounds = new Map<string, Omit<BridgeRow, "name">[]>()
  try {
    for (let round = 0; round < settings.bridgeRounds; round++) {
      for (const crossing of crossings) {
        const known = rounds.get(crossing.name) ?? []
        rounds.set(crossing.name, [...known, await roundOf(crossing, settings)])
      }
    }
  } finally {
    for (const crossing of crossings) await crossing[Symbol.asyncDispose]()
  }
  return crossings.map(({ name }) => summary(name, rounds.get(name) ?? []))
}

async function roundOf(
  crossing: Crossing,
  { bridgeCalls, bridgeMegabytes }: Settings,
): Promise<Omit<BridgeRow, "name">> {
  const bytes = bridgeMegabytes * mebibyte
  const { ms, gaps } = await crossing.sequence(bridgeCalls)
  return {
    callP50Ms: gaps === undefined ? undefined : percentile(gaps, 50),
    callMeanMs: ms / bridgeCalls,
    callsPerSecond: (bridgeCalls * 10_000) / (await crossing.concurrent(bridgeCalls * 10)),
    downMegabytesPerSecond: bytes / 1_000 / (await crossing.down(bytes)),
    upMegabytesPerSecond: bytes / 1_000 / (await crossing.up(bytes)),
  }
}

function summary(name: string, rounds: readonly Omit<BridgeRow, "name">[]): BridgeRow {
  const over = (field: Exclude<keyof BridgeRow, "name" | "callP50Ms">): number =>
    median(rounds.map((round) => round[field]))
  const p50s = rounds.flatMap(({ callP50Ms }) => (callP50Ms === undefined ? [] : [callP50Ms]))
  return {
    name,
    callP50Ms: p50s.length === 0 ? undefined : median(p50s),
    callMeanMs: over("callMeanMs"),
    callsPerSecond: over("callsPerSecond"),
    downMegabytesPerSecond: over("downMegabytesPerSecond"),
    upMegabytesPerSecond: over("upMegabytesPerSecond"),
  }
}

/** What both contenders run. `call` is the binding. */
const calls = `async function makeCalls(call, { calls, at }) {
  for (let left = calls; left > 0; left -= at) await Promise.all(Array.from({ length: at }, (_, index) => call(index)))
}`
const bodies = `function bytesOf(count) {
  let left = count
  return new ReadableStream({
    pull(controller) {
      if (left <= 0) return controller.close()
      controller.enqueue(new Uint8Array(Math.min(left, ${chunkBytes})))
      left -= ${chunkBytes}
    },
  })
}
async function count(body) {
  let bytes = 0
  for await (const chunk of body) bytes += chunk.byteLength
  return String(bytes)
}`

async function mayflyCrossing(): Promise<Crossing> {
  const platform: Platform = await createPlatform()
  let gaps: number[] = []
  let last = 0
  const hit = (index: number): number => {
    const now = performance.now()
    gaps.push(now - last)
    last = now
    return index
  }
  const limits = { cpuMs: null, wallMs: null, outputBytes: 512 * mebibyte }
  const caller = await DynamicWorker.create({
    platform,
    limits,
    env: { hit },
    script: `${calls}\nexport default (input, env) => makeCalls(env.hit, input)`,
  })
  const streamer = await DynamicWorker.create({
    platform,
    limits,
    script: `${bodies}\nexport default { async fetch(request) {
      const { searchParams } = new URL(request.url)
      return request.method === "POST" ? new Response(await count(request.body)) : new Response(bytesOf(Number(searchParams.get("bytes"))))
    } }`,
  })
  return {
    name: "Mayfly",
    async sequence(calls) {
      gaps = []
      const ms = await timed(() => caller.run({ calls, at: 1 }))
      // The first gap is the time before the first call.
      return { ms, gaps: gaps.slice(1) }
    },
    concurrent: (calls) => timed(() => caller.run({ calls, at: concurrentCalls })),
    down: (bytes) =>
      timed(async () => {
        const { body } = await streamer.fetch(`https://bench.example/?bytes=${bytes}`)
        check(body === null ? 0 : await countBytes(body), bytes)
      }),
    up: (bytes) =>
      timed(async () => {
        const init = { method: "POST", body: streamOf(bytes), duplex: "half" } as const
        check(Number(await (await streamer.fetch("https://bench.example/", init)).text()), bytes)
      }),
    [Symbol.asyncDispose]: () => platform.dispose(),
  }
}

const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main), (name = "other", worker = .other)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "main.js", esModule = embed "main.js")],
  compatibilityDate = "2026-01-28",
  bindings = [(name = "OTHER", service = "other")],
);
const other :Workerd.Worker = (
  modules = [(name = "other.js", esModule = embed "other.js")],
  compatibilityDate = "2026-01-28",
);
`
const other = `import { WorkerEntrypoint } from "cloudflare:workers"
export default class extends WorkerEntrypoint { hit(index) { return index } }
`
const main = `${calls}\n${bodies}
export default { async fetch(request, env) {
  const { pathname, searchParams } = new URL(request.url)
  const parameter = (name) => Number(searchParams.get(name))
  if (pathname === "/calls") {
    await makeCalls((index) => env.OTHER.hit(index), { calls: parameter("calls"), at: parameter("at") })
    return new Response("done")
  }
  return pathname === "/up" ? new Response(await count(request.body)) : new Response(bytesOf(parameter("bytes")))
} }
`

/** Two workers in one process on one thread; bodies go over loopback HTTP. Single calls can't be timed: the clock stands still. */
async function workerdCrossing(): Promise<Crossing> {
  const server = await startWorkerdServer({ "config.capnp": config, "main.js": main, "other.js": other })
  const call = (calls: number, at: number): Promise<number> =>
    timed(() => server.post(`/calls?calls=${calls}&at=${at}`))
  return {
    name: "workerd, service binding and HTTP",
    sequence: async (calls) => ({ ms: await call(calls, 1) }),
    concurrent: (calls) => call(calls, concurrentCalls),
    down: (bytes) => timed(async () => check(await download(server, bytes), bytes)),
    up: (bytes) => timed(async () => check(await upload(server, bytes), bytes)),
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

function download({ port }: WorkerdServer, bytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path: `/down?bytes=${bytes}` }, (response) => {
      let got = 0
      response.on("data", (chunk: Buffer) => (got += chunk.byteLength))
      response.on("error", reject)
      response.on("end", () => resolve(got))
    })
    sent.on("error", reject)
    sent.end()
  })
}

function upload({ port }: WorkerdServer, bytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path: "/up", method: "POST" }, (response) => {
      let text = ""
      response.on("data", (chunk: Buffer) => (text += chunk.toString()))
      response.on("error", reject)
      response.on("end", () => resolve(Number(text)))
    })
    sent.on("error", reject)
    let left = bytes
    const write = (): void => {
      while (left > 0) {
        left -= chunkBytes
        if (!sent.write(new Uint8Array(chunkBytes))) return void sent.once("drain", write)
      }
      sent.end()
    }
    write()
  })
}

function streamOf(bytes: number): ReadableStream<Uint8Array> {
  let left = bytes
  return new ReadableStream({
    pull(controller) {
      if (left <= 0) return controller.close()
      controller.enqueue(new Uint8Array(chunkBytes))
      left -= chunkBytes
    },
  })
}

async function countBytes(body: ReadableStream<Uint8Array>): Promise<number> {
  let bytes = 0
  for await (const chunk of body) bytes += chunk.byteLength
  return bytes
}

function check(got: number, wanted: number): void {
  if (got !== wanted) throw new Error(`wrong answer: ${got} bytes instead of ${wanted}`)
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await act()
  return performance.now() - started
}
