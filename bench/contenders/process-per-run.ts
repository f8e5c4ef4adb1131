import { execFile } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { checkAnswer, type Contender } from "./contender.ts"
import { peerBinary } from "./peers.ts"
import { input } from "./program.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const execute = promisify(execFile)

/** A new `node` process per run: what a script that shells out does. */
export function startNodeProcesses(): Promise<Contender> {
  return startProcesses(process.execPath, [], "process.argv[2]")
}

/** A new `deno run` per run, with nothing allowed. */
export function startDenoProcesses(): Promise<Contender> {
  const flags = ["run", "--quiet", "--no-prompt", "--no-config", "--no-lock", "--no-remote", "--no-npm"]
  return startProcesses(peerBinary("deno"), flags, "Deno.args[0]")
}

async function startProcesses(command: string, flags: readonly string[], argument: string): Promise<Contender> {
  const folder = temporaryFolder()
  const runner = join(folder, "runner.mjs")
  writeFileSync(
    runner,
    `import program from "./program.mjs"\nconsole.log(JSON.stringify(await program(JSON.parse(${argument}))))\n`,
  )
  const args = [...flags, runner, JSON.stringify(input)]
  return {
    async use(script) {
      writeFileSync(join(folder, "program.mjs"), script)
    },
    async run() {
      const { stdout } = await execute(command, args)
      checkAnswer(JSON.parse(stdout))
    },
    async [Symbol.asyncDispose]() {},
  }
}
