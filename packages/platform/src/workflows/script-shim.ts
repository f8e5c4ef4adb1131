/** The module that stands in front of a workflow script in its isolate, and the name under which it finds the script. */
export const shimName = "mayfly-workflow-shim.js"

/**
 * Source of the module. It finds the class or function that the script exports, gives it Cloudflare's `step`, and tells the engine what only the isolate can
 * know: whether the script waits for something of its own. Outside of steps `Date` stands still and `Math.random` is seeded, so that a replay decides as the
 * first time did. Nothing here is a boundary: a script that works around it confuses only its own instance.
 */
export function shimSource(scriptModule: string): string {
  return source.replace("SCRIPT_MODULE", () => JSON.stringify(scriptModule))
}

// Names of globals that need code of their own are put together at run time: the compiler loads what a program names.
const source = `
import { WorkerEntrypoint } from "cloudflare:workers"
import * as script from SCRIPT_MODULE

const global = globalThis
const RealDate = Date
const realNow = Date.now
const realRandom = Math.random
let busy = 0
let bodies = 0
let time = 0

const done = () => { busy-- }
const track = (value) => {
  if (value !== null && typeof value === "object" && typeof value.then === "function") {
    busy++
    value.then(done, done)
  }
  return value
}
const trackMethods = (prototype, names) => {
  for (const name of names) {
    const method = prototype?.[name]
    if (typeof method === "function") prototype[name] = function (...args) { return track(method.apply(this, args)) }
  }
}

/** Patches a global when it is first used, so that it is not loaded for scripts that have no use for it. */
const whenUsed = (name, patch) => {
  const descriptor = Object.getOwnPropertyDescriptor(global, name)
  if (descriptor === undefined || !descriptor.configurable) return
  const put = (value) => Object.defineProperty(global, name, { value, writable: true, configurable: true })
  Object.defineProperty(global, name, {
    configurable: true,
    get() {
      // It loads itself where it stands.
      Object.defineProperty(global, name, descriptor)
      const found = global[name]
      const value = patch(found) ?? found
      put(value)
      return value
    },
    set: put,
  })
}
const bodyMethods = ["json", "text", "arrayBuffer", "blob", "bytes", "formData"]
whenUsed("fet" + "ch", (real) => (...args) => track(real(...args)))
for (const name of ["Resp" + "onse", "Requ" + "est", "Bl" + "ob"]) whenUsed(name, (found) => { trackMethods(found.prototype, bodyMethods) })
whenUsed("Readable" + "StreamDefaultReader", (found) => { trackMethods(found.prototype, ["read"]) })
whenUsed("Subt" + "leCrypto", (found) => { trackMethods(found.prototype, Object.getOwnPropertyNames(found.prototype)) })

const timers = new Map()
const { setTimeout: realSetTimeout, clearTimeout: realClearTimeout, setInterval: realSetInterval, clearInterval: realClearInterval } = global
global.setTimeout = (call, ms, ...args) => {
  const id = realSetTimeout(() => { timers.delete(id); call(...args) }, ms)
  timers.set(id, true)
  return id
}
global.clearTimeout = (id) => { timers.delete(id); realClearTimeout(id) }
global.setInterval = (call, ms, ...args) => {
  const id = realSetInterval(call, ms, ...args)
  timers.set(id, true)
  return id
}
global.clearInterval = (id) => { timers.delete(id); realClearInterval(id) }

const now = () => (bodies > 0 ? realNow() : time)
function FrozenDate(...args) {
  if (new.target === undefined) return new RealDate(now()).toString()
  if (args.length === 0) args = [now()]
  return Reflect.construct(RealDate, args, new.target === FrozenDate ? RealDate : new.target)
}
FrozenDate.prototype = RealDate.prototype
Object.setPrototypeOf(FrozenDate, RealDate)
FrozenDate.now = now
const seeded = (text) => {
  let state = 0x811c9dc5
  for (let at = 0; at < text.length; at++) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193)
  return () => {
    if (bodies > 0) return realRandom()
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
const freeze = (seed, at) => {
  time = at
  Math.random = seeded(seed)
  global.Date = FrozenDate
  try { RealDate.prototype.constructor = FrozenDate } catch {}
}

const isClass = (value) => typeof value === "function" && /^class\\b/.test(Function.prototype.toString.call(value))
const isEntry = (value) =>
  typeof value === "function" ? !isClass(value) || typeof value.prototype?.run === "function" : typeof value?.run === "function"
const find = (entry) => {
  if (entry !== undefined) {
    if (!isEntry(script[entry])) throw new TypeError('the script has no export "' + entry + '" with a run method')
    return script[entry]
  }
  if (isEntry(script.default)) return script.default
  const others = Object.values(script).filter((value) => isClass(value) && isEntry(value))
  if (others.length === 1) return others[0]
  throw new TypeError("the script must export a class with run(event, step), or such a function")
}

const wrap = (callback) => async (context) => {
  bodies++
  try {
    return await callback(context)
  } finally {
    bodies--
  }
}
const stepOf = (host) => {
  const call = async (method, ...args) => {
    const { value, at } = await host[method](...args)
    if (at > time) time = at
    return value
  }
  return Object.freeze({
    do(name, ...rest) {
      const config = typeof rest[0] === "function" ? undefined : rest.shift()
      const [callback, undo] = rest
      if (typeof callback !== "function") throw new TypeError("step.do needs a function")
      const retries = config?.retries
      const given = typeof retries?.delay === "function" ? { ...config, retries: { ...retries, delay: wrap(retries.delay) } } : config
      const rollback = typeof undo?.rollback === "function" ? wrap(undo.rollback) : undefined
      return call("do", { name, config: given, callback: wrap(callback), rollback, rollbackConfig: undo?.rollbackConfig })
    },
    sleep: (name, duration) => call("sleep", name, duration),
    sleepUntil: (name, at) => call("sleepUntil", name, at),
    waitForEvent: (name, options) => call("waitForEvent", name, options),
    workflow: (name, options) => call("workflow", name, options),
  })
}

const describe = (error) =>
  error !== null && typeof error === "object"
    ? { name: String(error.name), message: String(error.message), code: typeof error.code === "string" ? error.code : undefined }
    : { name: "Error", message: String(error) }

export default class extends WorkerEntrypoint {
  async run(event, host, { entry, seed }) {
    await host.ready(() => busy + timers.size)
    freeze(seed, event.timestamp.getTime())
    let end
    try {
      const target = find(entry)
      const step = stepOf(host)
      const result = isClass(target)
        ? await new target(this.ctx, this.env).run(event, step)
        : typeof target === "function"
          ? await target(event, step, this.env, this.ctx)
          : await target.run(event, step, this.env, this.ctx)
      end = { ok: true, result }
    } catch (error) {
      end = { ok: false, error: describe(error) }
    }
    try {
      await host.ended(end)
    } catch (error) {
      // What can't be passed is the script's failure, and its compensations still have to run.
      await host.ended({ ok: false, error: describe(error) })
    }
  }
}
`
