import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { runInThisContext } from "node:vm"
import { build } from "esbuild"
import type { ChunkName } from "../kernel.ts"
import { chunkBuild } from "./chunk-build.ts"
import { createGuest, type Guest, type GuestOptions } from "./isolate-harness.ts"

/** Test support: a guest with the named chunks, built as they ship. */
export async function createChunkGuest(names: readonly ChunkName[], options: GuestOptions = {}): Promise<Guest> {
  const built = await Promise.all(names.map(async (name) => [name, await builtChunk(name)] as const))
  return createGuest({ ...options, chunks: Object.fromEntries(built) })
}

/** Runs the body of an async function in the guest and in Node, and fails unless both give the same JSON. */
export async function sameAsNode(guest: Guest, source: string): Promise<void> {
  const run = runInThisContext(`(async()=>{"use strict";${source}\n})`) as () => Promise<unknown>
  const expected: unknown = JSON.parse(JSON.stringify((await run()) ?? null))
  assert.deepEqual((await guest.evaluate(source)) ?? null, expected)
}

/** One chunk as an ES module, bundled with the replacements that it needs. */
export async function builtChunk(name: ChunkName): Promise<string> {
  const outfile = join((directory ??= makeDirectory()), `${name}.js`)
  await build({
    ...chunkBuild,
    entryPoints: [fileURLToPath(new URL(`./${name}-chunk.ts`, import.meta.url))],
    bundle: true,
    format: "esm",
    target: "esnext",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["source"],
    outfile,
  })
  return outfile
}

let directory: string | undefined

function makeDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), "mayfly-chunks-"))
  process.once("exit", () => rmSync(path, { recursive: true, force: true }))
  return path
}
