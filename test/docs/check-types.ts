import { spawn } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { root } from "./read-fences.ts"
import { type Program, programs } from "./read-programs.ts"
import { scratchFolder } from "./scratch-folder.ts"

/** As users have it: strict, and no more. Pages leave out annotations that say nothing to a reader. */
const compilerOptions = {
  strict: true,
  noImplicitAny: false,
  target: "ES2022",
  lib: ["ES2024", "ESNext.Disposable", "ESNext.Iterator"],
  module: "NodeNext",
  types: ["node"],
  customConditions: ["source"],
  allowImportingTsExtensions: true,
  allowJs: true,
  skipLibCheck: true,
  noEmit: true,
}

/** Compiles all programs of all pages together; what the compiler says, "" for nothing. JavaScript is looked at for its syntax. */
export async function checkTypes(): Promise<string> {
  const folder = scratchFolder()
  for (const program of programs) writeFileSync(join(folder, nameOf(program)), moduleOf(program))
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*"] }))
  const tsc = spawn(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder], { cwd: folder })
  const [told] = await Promise.all([text(tsc.stdout), once(tsc, "close")])
  return told
}

/** "docs_guides_network.md:7" as a file, so that what the compiler says names the place. */
function nameOf({ place, isTypeScript }: Program): string {
  return `${place.replaceAll(/[/:.]/g, "_")}.${isTypeScript ? "ts" : "js"}`
}

function moduleOf({ kind, text, types, texts }: Program): string {
  const given = [...Object.entries(types), ...[...texts.keys()].map((name) => [name, "string"] as const)]
  const declared = given.map(([name, type]) => `declare const ${name}: ${type};`).join(" ")
  // On the line of the first one, so that lines are those of the page; a reference has to come first.
  return kind === "worker" ? `${text}\nexport {}` : `${declared}${text}\nexport {}`
}
