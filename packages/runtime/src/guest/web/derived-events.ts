import type { Kernel } from "../kernel.ts"
import { defineLazily, named } from "./define-global.ts"
import { Event } from "./event.ts"
import type { EventInit } from "./event.ts"

type Members = Readonly<Record<string, unknown>>

/** Defines the events that only carry data. Members: their defaults, whose type tells how a given value is converted. */
export function installDerivedEvents(kernel: Kernel): void {
  const define = (name: string, members: Members): void =>
    defineLazily(kernel, [name], () => ({ [name]: named(name, eventClass(members)) }))
  define("CustomEvent", { detail: null })
  define("MessageEvent", { data: null, origin: "", lastEventId: "", source: null, ports: null })
  define("ErrorEvent", { message: "", filename: "", lineno: 0, colno: 0, error: undefined })
  define("CloseEvent", { wasClean: false, code: 0, reason: "" })
}

function eventClass(members: Members): typeof Event {
  return class Derived extends Event {
    #values: Record<string, unknown>

    // Not `type, init`: Event counts its arguments.
    constructor(...values: [type: unknown, init?: EventInit | null]) {
      super(...values)
      this.#values = readMembers(members, (values[1] ?? null) as Members | null)
    }

    static {
      for (const member in members) defineGetter(this.prototype, member, (event) => (event as Derived).#values)
    }
  }
}

function defineGetter(prototype: object, member: string, values: (event: object) => Record<string, unknown>): void {
  const get = function (this: object): unknown {
    return values(this)[member]
  }
  Object.defineProperty(prototype, member, { get, enumerable: true, configurable: true })
}

function readMembers(members: Members, init: Members | null): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const member in members) values[member] = convert(members[member], init?.[member])
  if ("ports" in members) values["ports"] = Object.freeze([...((values["ports"] ?? []) as unknown[])])
  return values
}

function convert(initial: unknown, given: unknown): unknown {
  if (given === undefined) return initial
  if (typeof initial === "string") return `${given}`
  if (typeof initial === "number") return Number(given) >>> 0
  return typeof initial === "boolean" ? Boolean(given) : given
}
