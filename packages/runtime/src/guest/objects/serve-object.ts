import { DurableObjectStorage } from "../../storage-api/durable-storage.ts"
import { InputGate } from "../../storage-api/input-gate.ts"
import type { StorageCall } from "../../storage-api/storage-call.ts"
import { reviveFailure } from "../call-failure.ts"
import { failureOf, NoEntrypoint } from "../guest-error.ts"
import type { GuestKernel } from "../guest-kernel.ts"
import type { GuestJob } from "../job.ts"
import { DurableObjectId } from "./object-id.ts"
import { DurableObjectState } from "./object-state.ts"
import { withinTime } from "./within-time.ts"

type Namespace = Readonly<Record<string, unknown>>
type Callable = (...args: unknown[]) => unknown

/** What a call comes back as. A failure keeps its stack this way, so that its author sees where it was. */
export type ObjectAnswer = { readonly value: unknown } | { readonly failure: string }

// Taken at evaluation, before guest code can replace them.
const { apply, construct, ownKeys } = Reflect
const { hasOwn } = Object
const { stringify } = JSON
const functionToString = Function.prototype.toString
/** Not methods for callers: what every object has, and handlers that the runtime calls. */
const hiddenNames = new Set<string | symbol>([
  ...ownKeys(Object.prototype),
  ...["then", "alarm", "connect", "dup", "webSocketMessage", "webSocketClose", "webSocketError"],
])

type Adopt = (env: unknown, ctx: DurableObjectState) => void

/** Constructs a Durable Object and exports what calls it. The run lasts until the parent ends it, or fails with what the constructor throws. */
export function serveObject(namespace: Namespace, job: GuestJob, kernel: GuestKernel, adopt: Adopt): void {
  try {
    startObject(namespace, job, kernel, adopt)
  } catch (error) {
    kernel.outbox.finish(`-${stringify(failureOf(error, kernel))}`)
  }
}

function startObject(namespace: Namespace, job: GuestJob, kernel: GuestKernel, adopt: Adopt): void {
  const gate = new InputGate()
  const Class = classOf(namespace, job.entry ?? "default")
  const store = storageCall(kernel)
  const canAlarm = typeof (Class.prototype as { alarm?: unknown } | undefined)?.alarm === "function"
  const state = createState(job, kernel, { gate, store, canAlarm })
  const env = kernel.decode(job.env)
  adopt(env, state)
  const instance = construct(Class, [state, env]) as object
  const call = async (kind: string, method: string, args: unknown[]): Promise<ObjectAnswer> => {
    kernel.logs.begin(job.logBytes)
    await gate.pass()
    try {
      if (kind === "alarm") return { value: await runAlarm(instance, store) }
      return { value: await callObject(instance, kind, method, args) }
    } catch (error) {
      return { failure: stringify(failureOf(error, kernel)) }
    }
  }
  kernel.outbox.put("R", kernel.session.exportTarget(call), "")
}

function classOf(namespace: Namespace, name: string): Callable & { readonly prototype?: unknown } {
  const exported = namespace[name]
  const isClass =
    typeof exported === "function" && (apply(functionToString, exported, []) as string).startsWith("class")
  if (!isClass) throw new NoEntrypoint(`the worker exports no Durable Object class "${name}"`)
  return exported as Callable
}

interface StateContext {
  readonly gate: InputGate
  readonly store: StorageCall
  readonly canAlarm: boolean
}

function createState(job: GuestJob, kernel: GuestKernel, { gate, store, canAlarm }: StateContext): DurableObjectState {
  const { id, name } = kernel.decode(job.input) as { id: string; name?: string }
  const reset = (reason: unknown): void => kernel.outbox.finish(`-${stringify(failureOf(reason, kernel))}`)
  const codec = {
    encode: (value: unknown) => kernel.rich.encodeValue(value, { root: "value" }),
    decode: (text: string) => kernel.rich.decodeValue(text),
  }
  const after = (ms: number, late: () => void): (() => void) => {
    const timer = kernel.setTimer(late, ms)
    return () => kernel.clearTimer(timer)
  }
  const host = {
    canAlarm,
    exclusively: <T>(act: () => Promise<T>) => gate.exclusively(() => withinTime(act, after, reset)),
    // The next turn comes when what this one wrote is on disk.
    committed: () => new Promise<void>((resolve) => void after(0, resolve)),
  }
  const storage = new DurableObjectStorage(store, codec, host)
  return new DurableObjectState({
    id: new DurableObjectId(id, name),
    props: kernel.decode(job.props),
    storage,
    gate,
    reset,
    report: (error) => kernel.report(error),
    after,
  })
}

/** The isolate's thread waits for the answer. */
function storageCall(kernel: GuestKernel): StorageCall {
  return (op, args) => {
    const answer = kernel.store(`${op}\n${kernel.rich.encodeValue(args, { root: op })}`)
    if (answer[0] === "-") throw storageError(answer.slice(1))
    return kernel.rich.decodeValue(answer.slice(1))
  }
}

/** With the stack of whoever called: the failure's own says nothing. */
function storageError(text: string): Error {
  const error = reviveFailure(text)
  const { stack } = new Error(error.message)
  if (typeof stack === "string")
    Object.defineProperty(error, "stack", { value: stack, writable: true, configurable: true, enumerable: false })
  return error
}

/** A due alarm. It stays in the database until its handler is over, so that a crash does not lose it. */
async function runAlarm(instance: object, store: StorageCall): Promise<unknown> {
  const retryCount = store("begin-alarm", []) as number | null
  if (retryCount === null) return undefined
  let isDone = false
  try {
    await callObject(instance, "alarm", "alarm", [{ retryCount, isRetry: retryCount > 0 }])
    isDone = true
  } finally {
    store("end-alarm", [isDone])
  }
  return undefined
}

async function callObject(instance: object, kind: string, method: string, args: unknown[]): Promise<unknown> {
  const isHandler = kind === "alarm" || kind === "fetch"
  const name = isHandler ? kind : method
  const isHidden = !isHandler && (hiddenNames.has(name) || hasOwn(instance, name))
  const call: unknown = isHidden ? undefined : (instance as Record<string, unknown>)[name]
  if (typeof call !== "function") throw new NoEntrypoint(`the Durable Object has no method "${name}"`)
  return apply(call, instance, args)
}
