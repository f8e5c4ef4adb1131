import { mkdirSync, writeFileSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { HostPrograms } from "./host-programs.ts"
import type { SandboxPlace } from "./start-sandbox.ts"

const folders = ["files", "etc", "given", "agent", "own"]

/** Makes the places over which a sandbox mounts its own, where nobody else sees it, and writes what it mounts as an fstab: one program mounts all of it. */
export async function prepareStage(place: SandboxPlace, programs: HostPrograms): Promise<void> {
  for (const name of folders) mkdirSync(join(place.stage, name), { recursive: true, mode: 0o755 })
  writeFileSync(join(place.stage, "node"), "", { flag: "a", mode: 0o644 })
  await writeFile(place.mounts, `${stageMounts(place, programs)}\n`, { mode: 0o600 })
}

function stageMounts({ image, files, etc, given, stage }: SandboxPlace, programs: HostPrograms): string {
  const { agent, node, hasUsableNull } = programs
  return [
    image === undefined ? bind(files, `${stage}/files`) : line(image, `${stage}/files`, "loop,nosuid,nodev,discard"),
    bind(etc, `${stage}/etc`),
    bind(given, `${stage}/given`),
    bind(agent, `${stage}/agent`),
    bind(node, `${stage}/node`),
    ...(hasUsableNull ? [] : [line("mayfly", `${stage}/own`, "mode=755,size=64k,nosuid", "tmpfs")]),
  ].join("\n")
}

/** Writes what a sandbox is given at its start, by number; see `givenArguments`. */
export async function giveFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o755 })
  await Promise.all(
    Object.values(files).map((text, index) => writeFile(join(folder, String(index)), text, { mode: 0o644 })),
  )
}

function bind(from: string, to: string): string {
  return line(from, to, "bind", "none")
}

function line(from: string, to: string, options: string, type = "ext4"): string {
  return `${escaped(from)} ${escaped(to)} ${type} ${options} 0 0`
}

/** fstab(5): what would end a field or a line is written in octal. */
function escaped(path: string): string {
  return path.replaceAll(/[\s\\#]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`)
}
