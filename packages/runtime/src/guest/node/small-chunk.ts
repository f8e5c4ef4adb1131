import type { LoadChunk } from "../kernel.ts"
import { nameClasses } from "../web/name-classes.ts"
import { AsyncLocalStorage, AsyncResource } from "./async-hooks.ts"
import { lazyGlobals } from "./lazy-globals.ts"
import { processModule } from "./process-module.ts"
import { timersPromises } from "./timers-promises.ts"

const timers = ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate", "clearImmediate"]
const streams = [
  "ReadableStream",
  "ReadableStreamDefaultReader",
  "ReadableStreamBYOBReader",
  "WritableStream",
  "WritableStreamDefaultWriter",
  "TransformStream",
  "ByteLengthQueuingStrategy",
  "CountQueuingStrategy",
  "TextEncoderStream",
  "TextDecoderStream",
  "CompressionStream",
  "DecompressionStream",
]

/** Modules of a few lines each. */
const loadSmall: LoadChunk = () => ({
  "node:async_hooks": nameClasses({
    AsyncLocalStorage,
    AsyncResource,
    executionAsyncId: () => 0,
    triggerAsyncId: () => 0,
  }),
  "node:perf_hooks": lazyGlobals(["performance"]),
  "node:process": processModule(),
  "node:stream/web": lazyGlobals(streams),
  "node:timers": Object.assign(lazyGlobals(timers.filter((name) => name in globalThis)), {
    promises: timersPromises(),
  }),
  "node:timers/promises": timersPromises(),
})

export default loadSmall
