import { readFileSync } from "node:fs"

let version: string | undefined

/** The version of this package, which all packages of Mayfly share. */
export function serverVersion(): string {
  return (version ??= String(
    (JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: unknown }).version,
  ))
}
