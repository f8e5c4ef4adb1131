/** The module that stands in front of a workflow script in its isolate, and the name under which it finds the script. */
export const shimName = "mayfly-workflow-shim.js"

/**
 * Source of the module. It finds the class or function that the script exports, gives it Cloudflare's `step`, and tells the engine what only the isolate can
 * know: whether the script waits for something of its own. What is said in both directions goes in batches, see `script-messages.ts`: each exchange is one
 * turn of the isolate, for all of its instances. Outside of steps `Date` stands still and `Math.random` is seeded, so that a replay decides as the first time
 * did; not in an isolate that instances share, where nobody can say whose code runs. Nothing here is a boundary: a script that works around it confuses only
 * its own instances.
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

/** One entry per instance that the isolate holds. */
const instances = new Map()
let outgoing = []
/** What was said last, until it is known to have arrived. */
let said = []
let exchanges = 0
let news = 0
let isTelling = false
let tell

const put = (message) => {
  outgoing.push(message)
  news++
  if (exchanges > 0 || isTelling) return
  // A timer or a request of the script's own has ended: nobody waits for an answer that this could go with.
  isTelling = true
  settled().then(flush)
}
const take = () => {
  said = outgoing
  outgoing = []
  return said
}
/** Code that goes on after something may take some microtasks until it asks for its next step; most of what it says goes into one batch. */
const settled = async () => {
  const most = news + 5_000
  for (let calm = 0, seen = news; calm < 20 && news < most; calm++) {
    await undefined
    if (news !== seen) calm = 0
    seen = news
  }
}
const flush = async () => {
  isTelling = false
  if (exchanges > 0 || outgoing.length === 0) return
  const messages = take()
  try {
    await tell(messages)
  } catch {
    await tellEach(messages)
  }
}
/** One of them can't be passed: that is the failure of the step it belongs to. */
const tellEach = async (messages) => {
  for (const message of messages) {
    try {
      await tell([message])
    } catch (error) {
      const { op, n, job, id } = message
      if (op === "ran" || op === "end") await tell([{ op, n, job: job ?? 0, error: describe(error) }])
      else settle(instances.get(n), id, "reject", error)
    }
  }
}
const receive = async (messages, isLost) => {
  exchanges++
  try {
    if (isLost) await tellEach(said)
    for (const message of messages) handle(message)
    await settled()
    return { messages: take(), busy: busy + timers.size }
  } finally {
    exchanges--
  }
}
const handle = (message) => {
  const { op, n, id } = message
  if (op === "start") return void start(message)
  if (op === "forget") return void instances.delete(n)
  const instance = instances.get(n)
  if (instance === undefined) return
  if (op === "run") return void perform(instance, message)
  if (message.at > time) time = message.at
  if (op === "result") settle(instance, id, "resolve", message.value)
  else settle(instance, id, "reject", revive(message.error))
}
const settle = (instance, id, how, value) => {
  const waiting = instance?.waiting.get(id)
  if (waiting === undefined) return
  instance.waiting.delete(id)
  if (instance.callbacks.get(id)?.rollback === undefined) instance.callbacks.delete(id)
  waiting[how](value)
}
const perform = async (instance, { n, job, id, kind, context }) => {
  let message
  bodies++
  try {
    const value = await instance.callbacks.get(id)[kind](context)
    message = value === undefined ? { op: "ran", n, job } : { op: "ran", n, job, value }
  } catch (error) {
    message = { op: "ran", n, job, error: describe(error) }
  } finally {
    bodies--
  }
  if (instances.get(n) === instance) put(message)
}
const stepOf = (n, instance) => {
  let calls = 0
  const call = (op, rest, callbacks) => new Promise((resolve, reject) => {
    // An instance that was let go of waits for ever.
    if (instances.get(n) !== instance) return
    const id = ++calls
    instance.waiting.set(id, { resolve, reject })
    if (callbacks !== undefined) instance.callbacks.set(id, callbacks)
    put({ op, n, id, ...rest })
  })
  return Object.freeze({
    async do(name, ...rest) {
      const config = typeof rest[0] === "function" ? undefined : rest.shift()
      const [callback, undo] = rest
      if (typeof callback !== "function") throw new TypeError("step.do needs a function")
      const callbacks = { run: callback }
      const given = { name }
      if (config !== undefined) given.config = config
      if (typeof config?.retries?.delay === "function") {
        const { delay, ...retries } = config.retries
        callbacks.delay = delay
        given.config = { ...config, retries }
        given.hasDelay = true
      }
      if (typeof undo?.rollback === "function") {
        callbacks.rollback = undo.rollback
        given.hasRollback = true
        if (undo.rollbackConfig !== undefined) given.rollbackConfig = undo.rollbackConfig
      }
      return call("do", given, callbacks)
    },
    sleep: (name, value) => call("sleep", { name, value }),
    sleepUntil: (name, value) => call("sleepUntil", { name, value }),
    waitForEvent: (name, value) => call("waitForEvent", { name, value }),
    workflow: (name, value) => call("workflow", { name, value }),
  })
}

const describe = (error) =>
  error !== null && typeof error === "object"
    ? { name: String(error.name), message: String(error.message), ...(typeof error.code === "string" && { code: error.code }) }
    : { name: "Error", message: String(error) }
const kinds = { __proto__: null, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError }
const revive = ({ name, message, code }) => {
  const error = new (kinds[name] ?? Error)(message)
  if (error.name !== name) Object.defineProperty(error, "name", { value: name, writable: true, configurable: true })
  if (code !== undefined) error.code = code
  Object.defineProperty(error, "stack", { value: name + ": " + message, writable: true, configurable: true })
  return error
}

let context
const start = async ({ n, event, entry }) => {
  const instance = { waiting: new Map(), callbacks: new Map() }
  instances.set(n, instance)
  event.timestamp = new RealDate(event.timestamp)
  const { ctx, env } = context
  let message
  try {
    const target = find(entry)
    const step = stepOf(n, instance)
    const value = isClass(target)
      ? await new target(ctx, env).run(event, step)
      : typeof target === "function"
        ? await target(event, step, env, ctx)
        : await target.run(event, step, env, ctx)
    message = value === undefined ? { op: "end", n } : { op: "end", n, value }
  } catch (error) {
    message = { op: "end", n, error: describe(error) }
  }
  if (instances.get(n) === instance) put(message)
}

export default class extends WorkerEntrypoint {
  async run(host, { seed, at, isShared }) {
    context = this
    tell = (messages) => host.tell(messages)
    if (!isShared) freeze(seed, at)
    // Answered when the isolate is not needed any more.
    await host.open(receive)
  }
}
`
