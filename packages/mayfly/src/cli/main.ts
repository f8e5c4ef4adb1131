import { CommanderError } from "commander"
import { errorLine, exitCodes } from "./command-error.ts"
import { createCommandLine } from "./program.ts"

// A reader that has seen enough (`mayfly run … | head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) =>
  process.exit(error.code === "EPIPE" ? process.exitCode : exitCodes.failed),
)

process.exitCode = await main()
// Something that is left open must not keep a finished command; but its last words must have left.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write("", resolve))))
process.exit()

async function main(): Promise<number> {
  try {
    return await createCommandLine(process.stdout, process.stderr).run(process.argv.slice(2))
  } catch (error) {
    // Commander has printed its message; --help and --version come this way too.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    process.stderr.write(`${errorLine(error)}\n`)
    return exitCodes.failed
  }
}
