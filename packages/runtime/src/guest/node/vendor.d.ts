/** Packages that ship no types, or types of Node's own: only what the chunks use. */
declare module "unenv/node/internal/buffer/buffer" {
  export const Buffer: BufferConstructor
  export const SlowBuffer: unknown
  export const kMaxLength: number
  export const INSPECT_MAX_BYTES: number
}
declare module "unenv/node/url" {
  const url: Readonly<Record<string, unknown>>
  export default url
}
declare module "unenv/node/querystring" {
  const querystring: Readonly<Record<string, unknown>>
  export default querystring
}
declare module "path-browserify" {
  const path: Record<string, unknown>
  export default path
}
declare module "string_decoder/" {
  const decoder: Readonly<Record<string, unknown>>
  export default decoder
}
declare module "events/" {
  const EventEmitter: { defaultMaxListeners: number }
  export default EventEmitter
}
declare module "assert/" {
  const assert: Record<string, unknown>
  export default assert
}
declare module "assert/build/internal/util/comparisons.js" {
  export function isDeepEqual(a: unknown, b: unknown): boolean
  export function isDeepStrictEqual(a: unknown, b: unknown): boolean
}
