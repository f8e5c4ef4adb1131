import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { MayflyError } from "@mayfly/protocol"

let found: Promise<string> | undefined

/** The path of TypeScript's compiler, a program of its own since version 7. Rejects with `input.invalid` when it is not installed. */
export function findTsc(): Promise<string> {
  return (found ??= locate())
}

async function locate(): Promise<string> {
  try {
    const manifest = createRequire(import.meta.url).resolve("typescript/package.json")
    const url = pathToFileURL(join(dirname(manifest), "lib", "getExePath.js")).href
    const { default: getExePath } = (await import(url)) as { default: () => string }
    return getExePath()
  } catch (cause) {
    const message = "typecheck: true needs the package typescript, version 7, which is not installed for this system"
    throw new MayflyError("input.invalid", message, {
      cause,
      fix: "Run `npm install typescript@7`, or leave typecheck out.",
      details: { path: "typecheck" },
    })
  }
}
