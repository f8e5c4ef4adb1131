import { existsSync, realpathSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { MayflyError } from "@mayfly/protocol"

export interface JustBash {
  /** What a thread imports. */
  readonly url: string
  /** The folder that holds it and what it needs. */
  readonly modules: string
}

/** Finds the library where Mayfly is installed, or where the program runs. Throws `sandbox.unavailable` when it is in neither. */
export function findJustBash(): JustBash {
  for (const from of [fileURLToPath(import.meta.url), join(process.cwd(), "index.js")]) {
    const entry = resolve(from)
    if (entry === undefined) continue
    const real = realpathSync(entry)
    const end = real.lastIndexOf(`${join("node_modules", "just-bash")}`)
    if (end !== -1) return { url: pathToFileURL(real).href, modules: join(real.slice(0, end), "node_modules") }
  }
  throw new MayflyError(
    "sandbox.unavailable",
    'the provider "virtual" needs the npm package just-bash, which is not installed (npm install just-bash@3)',
  )
}

function resolve(from: string): string | undefined {
  try {
    // Its other entry is CommonJS, which takes much longer to load.
    const entry = createRequire(from).resolve("just-bash")
    const module = join(dirname(entry), "index.js")
    return existsSync(module) ? module : entry
  } catch {
    return undefined
  }
}
