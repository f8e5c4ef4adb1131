import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const run = promisify(execFile)
const root = fileURLToPath(new URL("../..", import.meta.url))
const sources = ["scenario.ts", "run-scenario.ts"]

export interface PackedClient extends AsyncDisposable {
  readonly folder: string
}

/** An empty folder into which `npm pack` of the client, and of what it depends on, was installed; and the scenario. Whoever asks disposes it. */
export async function packedClient(): Promise<PackedClient> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-client-"))
  await run(process.execPath, [
    join(root, "node_modules", "typescript", "bin", "tsc"),
    "-b",
    join(root, "packages", "client"),
  ])
  const packages = ["packages/protocol", "packages/client", "node_modules/capnweb"].map((path) => join(root, path))
  const packed = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder, ...packages])
  const files = namesOf(JSON.parse(packed.stdout))
  await writeFile(join(folder, "package.json"), '{ "type": "module" }')
  await run("npm", ["install", "--offline", "--ignore-scripts", "--no-audit", ...files.map((name) => `./${name}`)], {
    cwd: folder,
  })
  for (const name of sources) await cp(join(root, "test", "runtimes", name), join(folder, name))
  await mkdir(join(folder, "out"))
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

/** Newer versions of npm name each package. */
function namesOf(answer: unknown): readonly string[] {
  return Object.values(answer as Record<string, { readonly filename: string }>).map(({ filename }) => filename)
}
