import assert from "node:assert/strict"
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { packTar, type TarEntry } from "modern-tar"
import { unpackTar } from "./unpack-tar.ts"

const root = mkdtempSync(join(tmpdir(), "mayfly-unpack-"))
after(() => rmSync(root, { recursive: true, force: true }))
let count = 0

async function unpack(entries: readonly TarEntry[], maxBytes = 1_000_000) {
  const outer = join(root, String(count++))
  const folder = join(outer, "in", "side")
  mkdirSync(folder, { recursive: true })
  const bytes = await packTar(entries)
  try {
    const done = await unpackTar(ReadableStream.from([bytes]), folder, { maxBytes })
    return { folder, outer, ...done }
  } finally {
    // Nothing was written outside, whatever happened.
    assert.deepEqual([readdirSync(outer), readdirSync(join(outer, "in"))], [["in"], ["side"]])
  }
}

const file = (name: string, body = "text", mode = 0o644): TarEntry => ({
  header: { name, size: body.length, type: "file", mode },
  body,
})
const link = (name: string, linkname: string, type: "symlink" | "link" = "symlink"): TarEntry => ({
  header: { name, size: 0, type, linkname },
})

test("unpackTar makes files, folders, modes, hard links and links that stay inside", async () => {
  const { folder, files, skipped } = await unpack([
    { header: { name: "./", size: 0, type: "directory" } },
    file("./a/b/c.txt", "deep"),
    file(`./${"long/".repeat(60)}name.txt`, "far"),
    file("./run", "#!", 0o4755),
    link("./hard", "./a/b/c.txt", "link"),
    link("./a/up", "../run"),
    link("./a/here", "b/c.txt"),
  ])
  assert.deepEqual([files, skipped], [3, []])
  assert.equal(readFileSync(join(folder, "a/b/c.txt"), "utf8"), "deep")
  assert.equal(readFileSync(join(folder, `${"long/".repeat(60)}name.txt`), "utf8"), "far")
  assert.equal(readFileSync(join(folder, "hard"), "utf8"), "deep")
  // Nobody runs it as somebody else.
  assert.equal(lstatSync(join(folder, "run")).mode & 0o7000, 0)
  assert.deepEqual([readlinkSync(join(folder, "a/up")), readlinkSync(join(folder, "a/here"))], ["../run", "b/c.txt"])
})

test("unpackTar refuses paths that lead out", async () => {
  for (const name of ["../out", "/etc/out", "a/../../out", "a/..", "..", "a\\..\\out"])
    await assert.rejects(unpack([file("ok"), file(name)]), { code: "sandbox.file" }, name)
  for (const target of ["../../etc/passwd", "/etc/passwd", "missing"])
    await assert.rejects(unpack([link("hard", target, "link")]), { code: "sandbox.file" }, target)
})

test("unpackTar writes through no link, and leaves out links that lead out", async () => {
  const { folder, skipped } = await unpack([
    link("out", "../.."),
    link("etc", "/etc"),
    // Up from a folder that is a link itself is not what the text says.
    link("self", "."),
    link("sly", "self/../.."),
    link("far", "a/../../x"),
    file("etc/passwd", "mine"),
    link("twice", "b"),
    file("twice/file", "real"),
    { header: { name: "pipe", size: 0, type: "fifo" } },
    { header: { name: "disk", size: 0, type: "block-device" } },
  ])
  assert.deepEqual(skipped, ["out (symlink)", "etc (symlink)", "sly (symlink)", "far (symlink)", "pipe (fifo)", "disk (block-device)"]) // oxfmt-ignore
  assert.equal(readFileSync(join(folder, "etc/passwd"), "utf8"), "mine")
  assert.equal(readFileSync(join(folder, "twice/file"), "utf8"), "real")
  assert.ok(lstatSync(join(folder, "etc")).isDirectory())
  assert.deepEqual(["out", "sly", "far", "pipe", "disk"].filter((name) => existsSync(join(folder, name))), []) // oxfmt-ignore
})

test("unpackTar ends with what is too large, and with what is no archive", async () => {
  await assert.rejects(unpack([file("a", "x".repeat(600)), file("b", "x".repeat(600))], 1_000), {
    code: "sandbox.file",
  })
  const folder = join(root, "none")
  mkdirSync(folder)
  const junk = ReadableStream.from([new Uint8Array(2_048).fill(7)])
  await assert.rejects(unpackTar(junk, folder, { maxBytes: 1_000 }), { code: "sandbox.file" })
})
