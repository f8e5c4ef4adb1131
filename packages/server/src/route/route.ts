import type { ErrorCode, Scope } from "@mayfly/protocol"
import type { z } from "zod"
import type { Call } from "./call.ts"
import type { PlaceName } from "./server-parts.ts"

/** What a route answers when all went well. Failures have one shape, see `errors`. */
export interface Answer {
  /** Default 200, without `json` 204. */
  readonly status?: 200 | 201 | 202 | 204 | 101
  readonly description: string
  /** The shape of the answer. */
  readonly json?: z.ZodType
  /** With `Accept: text/event-stream` (or always, where there is no `json`): the data of each event by its name. */
  readonly events?: Readonly<Record<string, z.ZodType>>
  /** Media types of answers that are neither. */
  readonly media?: readonly string[]
}

export interface RouteDeclaration<Params extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType> {
  readonly method: "get" | "put" | "post" | "patch" | "delete" | "options"
  /** As Hono writes it: `/v1/things/:id`; `:path{.+}` takes the rest. */
  readonly path: string
  /** What a key must be for. "any": any key. "open": no key is asked for. */
  readonly scope: Scope | "any" | "open"
  /** Set where it is about the whole server: keys of one tenant are refused. */
  readonly wholeServer?: boolean
  /** The heading under which it is documented. */
  readonly tag: string
  /** What it does, in one line. */
  readonly summary: string
  readonly description?: string
  /** Objects of strings. Every parameter of the path must be there. */
  readonly params?: Params
  /** An object of strings, made into values by the schema. Default: none. Loose: others are let through. */
  readonly query?: Query
  /** The query is not ours: it is neither read nor checked. */
  readonly isRawQuery?: boolean
  /** A JSON body. It says the shape; values are checked by what they are given to. */
  readonly body?: Body
  /** No body at all counts as `{}`. */
  readonly isBodyOptional?: boolean
  /** A body that the handler reads by itself: its media types, and their schemas where they have one. */
  readonly rawBody?: Readonly<Record<string, z.ZodType | null>>
  readonly answer: Answer
  /** Codes beyond those that every route may answer with. */
  readonly errors?: readonly ErrorCode[]
  /** Each call takes one of these places until it is answered. */
  readonly place?: PlaceName
  /** Set for changes that can't take an `Idempotency-Key`; the text says why. */
  readonly refusesIdempotency?: string
  /** Gives what is sent as JSON, nothing for 204, or a Response. */
  handle(call: Call<z.output<Params>, z.output<Query>, z.output<Body>>): unknown
}

/** A route, whatever its types. */
export type Route = RouteDeclaration<z.ZodType, z.ZodType, z.ZodType>

/** Declares a route; its validation, its documentation and its place in the tests follow from this. */
export function route<
  Params extends z.ZodType = z.ZodNever,
  Query extends z.ZodType = z.ZodNever,
  Body extends z.ZodType = z.ZodNever,
>(declaration: RouteDeclaration<Params, Query, Body>): Route {
  return declaration as unknown as Route
}
