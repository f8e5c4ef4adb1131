import type { Kernel } from "../kernel.ts"
import { bufferBytes } from "./buffer-bytes.ts"
import { defineLazily } from "./define-global.ts"

/** The part of the WebAssembly object that is used here. */
interface NativeWebAssembly {
  readonly Module: (new (bytes: unknown) => object) & { imports(module: unknown): unknown }
  readonly Instance: new (module: object, imports?: unknown) => object
  readonly Memory: (new (descriptor: unknown) => object) & { readonly prototype: object }
}

interface MemoryDescriptor {
  readonly initial?: unknown
  readonly maximum?: unknown
  readonly address?: unknown
  readonly shared?: unknown
}

const { apply, construct, defineProperty, deleteProperty, getOwnPropertyDescriptor } = Reflect

/**
 * Keeps WebAssembly within what is counted. The asynchronous functions compile on other threads and come back in tasks
 * of the engine's own: here they are built on the synchronous constructors. Shared memory is refused, for it grows
 * without being counted and brings SharedArrayBuffer back. Stack switching goes: each suspended stack is uncounted too.
 */
export function hardenWebAssembly(kernel: Kernel): void {
  // Nothing but the global leads to the object, so it may wait until a program touches that.
  const native = Reflect.get(globalThis, "WebAssembly") as NativeWebAssembly | undefined
  if (native === undefined) return
  defineLazily(kernel, ["WebAssembly"], () => {
    disarm(native)
    return { WebAssembly: native }
  })
}

function disarm(native: NativeWebAssembly): void {
  const { compile, instantiate } = synchronousFunctions(native)
  // The engine's own are enumerable, and assigning keeps that.
  Object.assign(native, {
    compile,
    instantiate,
    compileStreaming: async (source: unknown) => compile(await readBody(source)),
    instantiateStreaming: async (source: unknown, imports?: unknown) => instantiate(await readBody(source), imports),
  })
  for (const name of ["promising", "Suspending", "SuspendError"]) deleteProperty(native, name)
  refuseSharedMemory(native)
}

function synchronousFunctions({ Module, Instance }: NativeWebAssembly): {
  compile(bytes: unknown): Promise<object>
  instantiate(source: unknown, imports?: unknown): Promise<object>
} {
  const { imports: importsOf } = Module
  const isModule = (value: unknown): value is object => {
    try {
      importsOf(value)
      return true
    } catch {
      return false
    }
  }
  return {
    async compile(bytes) {
      return new Module(bytes)
    },
    async instantiate(source, imports) {
      if (isModule(source)) return new Instance(source, imports)
      const module = new Module(source)
      return { module, instance: new Instance(module, imports) }
    },
  }
}

/** Duck-typed: Response lives in a chunk that most programs never load. */
async function readBody(source: unknown): Promise<unknown> {
  const response = (await source) as { arrayBuffer?: unknown; ok?: unknown } | null | undefined
  const read = response?.arrayBuffer
  if (typeof read !== "function") throw new TypeError("WebAssembly: the source must be a Response or a promise of one")
  if (response?.ok === false) throw new TypeError("WebAssembly: the response has no ok status")
  return bufferBytes(await apply(read as () => unknown, response, []))
}

function refuseSharedMemory(native: NativeWebAssembly): void {
  const NativeMemory = native.Memory
  const { prototype } = NativeMemory
  const Memory = function (descriptor: unknown): object {
    if (new.target === undefined) throw new TypeError("WebAssembly.Memory must be invoked with 'new'")
    return construct(NativeMemory, [unsharedDescriptor(descriptor)], new.target)
  }
  defineProperty(Memory, "name", { value: "Memory", configurable: true })
  defineProperty(Memory, "prototype", { value: prototype, writable: false })
  define(prototype, "constructor", Memory)
  define(native, "Memory", Memory)
  guardBuffer(prototype)
}

/** A copy, so that a getter cannot answer the engine differently. */
function unsharedDescriptor(descriptor: unknown): unknown {
  if (typeof descriptor !== "object" || descriptor === null) return descriptor
  const { initial, maximum, address, shared } = descriptor as MemoryDescriptor
  if (shared) throw new TypeError("WebAssembly.Memory: shared memory is not supported")
  return { __proto__: null, initial, maximum, address }
}

/** A module can declare a shared memory by itself and export it. Its buffer would lead to the SharedArrayBuffer class. */
function guardBuffer(prototype: object): void {
  const readBuffer = getOwnPropertyDescriptor(prototype, "buffer")?.get
  const readLength = getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength")?.get
  if (readBuffer === undefined || readLength === undefined) return
  const get = function (this: unknown): unknown {
    const buffer: unknown = apply(readBuffer, this, [])
    // Throws TypeError unless it is an ArrayBuffer.
    apply(readLength, buffer, [])
    return buffer
  }
  defineProperty(prototype, "buffer", { get, enumerable: true, configurable: true })
  for (const name of ["toResizableBuffer", "toFixedLengthBuffer"]) deleteProperty(prototype, name)
}

function define(target: object, key: string, value: unknown): void {
  defineProperty(target, key, { value, writable: true, enumerable: false, configurable: true })
}
