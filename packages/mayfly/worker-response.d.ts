/* oxlint-disable typescript/consistent-type-imports -- as in worker.d.ts, which refers to this file */
// Node's types have no global interface that the constructor of Response would look at.
export {}

declare module "undici-types/fetch.js" {
  interface ResponseInit {
    readonly webSocket?: import("mayfly").RunWebSocket | null
  }
}
