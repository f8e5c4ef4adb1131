import type { Kernel } from "../kernel.ts"

const { defineProperty, entries, hasOwn } = Object
const { toStringTag } = Symbol

/** A class that is made when it is first needed. What it looks like inside is nobody's business. */
export type GuestClass = new (...args: never[]) => object

/** Gives a class its name and its string tag: Web IDL wants both, and minifying took the name. */
export function named<Interface extends { readonly prototype: object }>(
  name: string,
  constructor: Interface,
): Interface {
  defineProperty(constructor, "name", { value: name, configurable: true })
  defineProperty(constructor.prototype, toStringTag, { value: name, configurable: true })
  return constructor
}

/** Defines a class as a global. */
export function defineInterface(kernel: Kernel, name: string, constructor: { readonly prototype: object }): void {
  kernel.define(name, named(name, constructor))
}

/** Defines functions as globals. Give them as members of a literal: those keep their names when minified. */
export function defineFunctions(kernel: Kernel, functions: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of entries(functions)) kernel.define(name, value)
}

/**
 * Defines globals that are made together on first touch. A class costs about 10 us in each isolate, an accessor 1 us, and
 * most programs touch few. Like `Kernel.lazy`, for what is too small to be a chunk.
 */
export function defineLazily(
  kernel: Kernel,
  names: readonly string[],
  make: () => Readonly<Record<string, unknown>>,
): void {
  let made: Readonly<Record<string, unknown>> | null = null
  for (const name of names) {
    const get = (): unknown => {
      made ??= make()
      if (hasOwn(globalThis, name)) kernel.define(name, made[name])
      return made[name]
    }
    const set = (value: unknown): void => kernel.define(name, value)
    defineProperty(globalThis, name, { get, set, configurable: true, enumerable: false })
  }
}
