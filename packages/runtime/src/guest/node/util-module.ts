import { isDeepStrictEqual } from "assert/build/internal/util/comparisons.js"
import { format, inspect } from "./inspect.ts"
import { lazyGlobals } from "./lazy-globals.ts"
import { callbackify, promisify } from "./promisify.ts"
import { types } from "./util-types.ts"

/** `node:util`. What needs Node's internals (parseArgs, MIMEType, getCallSites, …) is not there, so that importing it is an error at once. */
export function utilModule(): object {
  const module = lazyGlobals(["TextDecoder", "TextEncoder"])
  return Object.assign(module, {
    callbackify,
    debug: debuglog,
    debuglog,
    deprecate,
    format,
    formatWithOptions: (_options: unknown, ...values: unknown[]): string => format(...values),
    inherits,
    inspect,
    isArray: Array.isArray,
    isDeepStrictEqual: (a: unknown, b: unknown): boolean => isDeepStrictEqual(a, b),
    promisify,
    stripVTControlCharacters: (text: string): string => text.replace(ansi, ""),
    styleText,
    toUSVString: (text: unknown): string => `${text as string}`.toWellFormed(),
    types,
  })
}

const ansi =
  /[\u001b\u009b][[\]()#;?]*(?:(?:(?:[a-zA-Z\d]*(?:;[-a-zA-Z\d/#&.:=?%@~_]*)*)?\u0007)|(?:(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PR-TZcf-ntqry=><~]))/g

/** A guest has no NODE_DEBUG, so debug sections are off. */
function debuglog(): { (): void; enabled: boolean } {
  return Object.assign(() => {}, { enabled: false })
}

function deprecate(call: unknown): unknown {
  return call
}

/** Nothing that a guest prints goes to a terminal. */
function styleText(_format: unknown, text: string): string {
  return text
}

type Constructor = { readonly prototype: object; super_?: unknown }

function inherits(constructor: Constructor, parent: Constructor): void {
  Object.defineProperty(constructor, "super_", { value: parent, writable: true, configurable: true })
  Object.setPrototypeOf(constructor.prototype, parent.prototype)
}
