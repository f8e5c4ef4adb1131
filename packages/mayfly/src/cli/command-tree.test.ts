import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import type { Command } from "commander"
import { apiOptions } from "./api-options.ts"
import { createCommandLine } from "./program.ts"

const { program } = createCommandLine(process.stdout, process.stderr)
const all = commandsBelow(program)

test("every command has a summary, a description and examples of itself", () => {
  for (const [path, command] of all) {
    assert.ok(command.summary() !== "", `${path} has no summary`)
    assert.ok(command.description().length > command.summary().length, `${path} has no description`)
    assert.match(helpOf(command), new RegExp(`Examples:\\n[^]*\\bmayfly ${path}\\b`), path)
  }
})

test("commands that talk to the API take the same options, with the same words", () => {
  const groups = [
    "ledger",
    "secrets",
    "approvals",
    "workflow",
    "sandbox",
    "keys",
    "usage",
    "tenants",
    "runs",
    "worker",
    "mcp",
  ]
  const leaves = all.filter(
    ([path, { commands }]) => groups.includes(path.split(" ")[0] ?? "") && commands.length === 0,
  )
  assert.ok(leaves.length > 40)
  for (const [path, command] of leaves)
    assert.deepEqual(
      command.options.slice(0, apiOptions.length).map(({ flags, description }) => [flags, description]),
      apiOptions.map((option) => [...option]),
      path,
    )
})

test("docs/reference/cli.md names every command and every option, and nothing else", () => {
  const sections = sectionsOf(readFileSync(new URL("../../../../docs/reference/cli.md", import.meta.url), "utf8"))
  const common = new Set(apiOptions.map(([flags]) => longOf(flags)))
  const shared = new Set([...common, "--help"])
  for (const command of program.commands) {
    const section = sections.get(command.name())
    assert.ok(section !== undefined, `there is no section "## \`mayfly ${command.name()}\`"`)
    const options = optionsOf(command)
    const written = new Set(section.flatMap((span) => [...span.matchAll(/--[a-z][\w-]*/g)].map(([found]) => found)))
    const unwritten = options.filter((option) => !written.has(option) && !shared.has(option))
    const beside = program.commands.filter((other) => sections.get(other.name()) === section).flatMap(optionsOf)
    const unknown = [...written].filter((option) => !beside.includes(option) && !shared.has(option))
    assert.deepEqual({ unwritten, unknown }, { unwritten: [], unknown: [] }, `of mayfly ${command.name()}`)
    const words = new Set(section.flatMap((span) => span.split(/[^\w-]+/)))
    const unnamed = command.commands.map((child) => child.name()).filter((name) => !words.has(name))
    assert.deepEqual(unnamed, [], `commands of mayfly ${command.name()}`)
    const known = command.commands.map((child) => child.name())
    const rows = section
      .filter((span) => known.length > 0 && /^[a-z]+ [A-Z]{2}/.test(span))
      .map((span) => span.split(" ")[0] ?? "")
    assert.deepEqual(
      rows.filter((name) => !known.includes(name)),
      [],
      `what is no command of mayfly ${command.name()}`,
    )
  }
  const names = program.commands.map((command) => command.name())
  assert.deepEqual(
    [...sections.keys()].filter((name) => name !== "" && !names.includes(name)),
    [],
  )
  const [intro = ""] = sections.get("") ?? []
  for (const option of common) assert.ok(intro.includes(option), `${option} is missing among the options of all`)
})

function commandsBelow(parent: Command, before = ""): [string, Command][] {
  return parent.commands.flatMap((command) => {
    const path = `${before} ${command.name()}`.trim()
    return [[path, command] as [string, Command], ...commandsBelow(command, path)]
  })
}

/** Its own, and those of the commands below it. */
function optionsOf(command: Command): string[] {
  const all = [command, ...commandsBelow(command).map(([, leaf]) => leaf)]
  return [...new Set(all.flatMap(({ options }) => options.map(({ long }) => long ?? "")))]
}

function helpOf(command: Command): string {
  let text = ""
  command.configureOutput({ writeOut: (part) => (text += part) })
  command.outputHelp()
  return text
}

function longOf(flags: string): string {
  return /--[\w-]+/.exec(flags)?.[0] ?? ""
}

/** Code in the section of each command, without what belongs to another command; "" is what stands before all. */
function sectionsOf(text: string): Map<string, readonly string[]> {
  const sections = new Map<string, readonly string[]>()
  for (const part of text.split(/^## /m)) {
    const title = part.slice(0, part.indexOf("\n"))
    const names = [...title.matchAll(/`mayfly ([a-z]\w*)/g)].map(([, name = ""]) => name)
    if (names.length === 0) sections.set("", [(sections.get("") ?? []).join("") + part])
    const spans = [...part.matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span)
    const own = spans.filter(
      (span) => !/^mayfly (\w+)/.test(span) || names.includes(/^mayfly (\w+)/.exec(span)?.[1] ?? ""),
    )
    for (const name of names) sections.set(name, own)
  }
  return sections
}
