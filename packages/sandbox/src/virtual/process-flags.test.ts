import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { processFlags } from "./process-flags.ts"

const folder = realpathSync(mkdtempSync(join(tmpdir(), "mayfly-flags-")))
after(() => rmSync(folder, { recursive: true, force: true }))

test("code in the process of a virtual sandbox, however it came there, is kept in its folder", () => {
  const root = join(folder, "root")
  mkdirSync(root)
  writeFileSync(join(folder, "beside"), "secret")
  const program = `
    const fs = process.getBuiltinModule("node:fs")
    const tries = {
      read: () => fs.readFileSync("${folder}/beside"),
      above: () => fs.readFileSync("${root}/../beside"),
      list: () => fs.readdirSync("${folder}"),
      write: () => fs.writeFileSync("${folder}/made", "x"),
      link: () => fs.symlinkSync("${folder}/beside", "${root}/link"),
      hard: () => fs.linkSync("${folder}/beside", "${root}/hard"),
      rename: () => fs.renameSync("${folder}/beside", "${root}/taken"),
      environment: () => fs.readFileSync("/proc/self/environ"),
      spawn: () => process.getBuiltinModule("node:child_process").spawnSync("true"),
      native: () => process.dlopen({ exports: {} }, "${root}/x.node"),
      binding: () => process.binding("fs"),
      inspector: () => process.getBuiltinModule("node:inspector").open(0),
      wasi: () => new (process.getBuiltinModule("node:wasi").WASI)({ version: "preview1" }),
    }
    const isDenied = (name) => {
      try {
        tries[name]()
      } catch (error) {
        return ["ERR_ACCESS_DENIED", "ERR_DLOPEN_DISABLED"].includes(error.code) || String(error.code) + error.message
      }
      return "allowed"
    }
    fs.writeFileSync("${root}/own", "x")
    console.log(JSON.stringify(Object.keys(tries).map((name) => [name, isDenied(name)]).filter(([, denied]) => denied !== true)))`
  const { stdout, stderr } = spawnSync(process.execPath, [...processFlags(root, []), "-e", program], {
    encoding: "utf8",
    env: {},
  })
  assert.deepEqual([stdout, stderr], ["[]\n", ""])
})
