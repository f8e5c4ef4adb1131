import { cpSync, mkdirSync, realpathSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { findInPath, run } from "./run-command.ts"

const programs = ["sh", "true", "sleep", "cat", "dd", "mkdir", "head", "seq"]

/** A small system for containers, from this machine's own programs: no image registry is asked. */
export async function makeRootfs(folder: string): Promise<void> {
  for (const name of ["bin", "proc", "dev", "sys", "tmp", "etc", "workspace"])
    mkdirSync(join(folder, name), { recursive: true })
  for (const name of programs) {
    const path = findInPath(name)
    cpSync(realpathSync(path), join(folder, "bin", name))
    for (const library of (await run(["ldd", path])).matchAll(/(\/\S+)/g)) {
      const from = library[1] ?? ""
      mkdirSync(join(folder, dirname(from)), { recursive: true })
      cpSync(realpathSync(from), join(folder, dirname(from), basename(from)))
    }
  }
}
