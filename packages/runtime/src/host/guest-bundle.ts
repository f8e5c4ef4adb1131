import { readFileSync } from "node:fs"
import ivm from "isolated-vm"
import type { ChunkName } from "../guest/kernel.ts"
import { answerQuestion } from "./host-questions.ts"

interface BundleFile {
  /** A script whose value is `boot`. */
  readonly boot: string
  /** Scripts whose value is a chunk's LoadChunk. */
  readonly chunks: Readonly<Record<ChunkName, string>>
  /** A program that uses each chunk once, so that its code cache holds compiled functions. */
  readonly exercise: Readonly<Record<"boot" | ChunkName, string>>
}

export interface CachedScript {
  readonly source: string
  readonly cachedData: ivm.ExternalCopy<ArrayBuffer> | undefined
}

export interface GuestBundle {
  readonly boot: CachedScript
  readonly chunks: ReadonlyMap<ChunkName, CachedScript>
  /** The chunks' sources, for a program that reaches one unforeseen. */
  readonly sources: Readonly<Record<string, string>>
}

/** A job like any, so that the code cache holds the way of a run. */
const exerciseJob = JSON.stringify({
  call: "run",
  shape: "module",
  props: "j{}",
  outputBytes: 1_024,
  logBytes: 1_024,
  imports: [],
  metas: [],
  prefix: "$mayfly",
  hasHelpers: false,
})

export const runtimeFile = "mayfly:runtime"

/** The guest runtime with V8 code caches made here, from our own files. Caches from elsewhere are never taken. */
export function loadGuestBundle(path: string): GuestBundle {
  const file = JSON.parse(readFileSync(path, "utf8")) as BundleFile
  const boot = { source: file.boot, cachedData: cacheOf(file, "boot") }
  const chunks = new Map<ChunkName, CachedScript>()
  for (const [name, source] of Object.entries(file.chunks)) {
    chunks.set(
      name as ChunkName,
      lazilyCached(source, () => cacheOf(file, name as ChunkName)),
    )
  }
  return { boot, chunks, sources: file.chunks }
}

const common: readonly ChunkName[] = ["base", "console", "rich", "url", "fetch", "inspect", "streams", "bridge"]

/** Makes the caches of common chunks one after the other, between events: nobody waits for more than one. */
export function cacheCommonSoon(bundle: GuestBundle, next = 0): void {
  const name = common[next]
  if (name === undefined) return
  setImmediate(() => {
    void bundle.chunks.get(name)?.cachedData
    cacheCommonSoon(bundle, next + 1)
  })
}

/** Chunks that few programs use get their cache when the first one does: making all of them takes half of a host's start. */
function lazilyCached(source: string, make: () => CachedScript["cachedData"]): CachedScript {
  let made: { readonly data: CachedScript["cachedData"] } | undefined
  return {
    source,
    get cachedData() {
      return (made ??= { data: make() }).data
    },
  }
}

/** The cache must be made after the code ran once: one from cold code holds no functions. */
function cacheOf(file: BundleFile, name: "boot" | ChunkName): CachedScript["cachedData"] {
  const isolate = new ivm.Isolate({ memoryLimit: 64 })
  try {
    const context = isolate.createContextSync()
    const boot = isolate.compileScriptSync(file.boot, { filename: runtimeFile })
    const dispatch = startRuntime(boot, context, file.chunks)
    const script = name === "boot" ? boot : isolate.compileScriptSync(file.chunks[name], { filename: runtimeFile })
    if (name !== "boot") {
      const load = script.runSync(context, { reference: true })
      dispatch.applySync(undefined, ["preload", name, load.derefInto()])
    }
    dispatch.applySync(undefined, ["job", exerciseJob, "j{}", "j{}"])
    context.evalSync(`${file.exercise[name]}\n;$mayfly_start({ default: (input) => input })`, { timeout: 5_000 })
    dispatch.applySync(undefined, ["drain"])
    const source = name === "boot" ? file.boot : file.chunks[name]
    const compiled = isolate.compileScriptSync(source, { filename: runtimeFile, produceCachedData: true })
    return (compiled as { cachedData?: ivm.ExternalCopy<ArrayBuffer> }).cachedData
  } finally {
    isolate.dispose()
  }
}

function startRuntime(boot: ivm.Script, context: ivm.Context, chunks: BundleFile["chunks"]): ivm.Reference {
  const push = new ivm.Callback(() => {}, { ignored: true })
  const ask = new ivm.Callback((question: unknown, argument: unknown) => answerQuestion(question, argument, chunks), {
    sync: true,
  })
  const run = boot.runSync(context, { reference: true }) as ivm.Reference
  // Nothing waits while code is compiled.
  return run.applySync(undefined, [push, ask, undefined], { result: { reference: true } }) as ivm.Reference
}
