import { CommanderError } from "commander"
import { errorLine, exitCodes } from "./command-error.ts"
import { createCommandLine } from "./program.ts"

// A reader that has seen enough (`mayfly run … | head`) is no failure; a full disk is one.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(process.exitCode)
  failed(error)
})
// Nobody is left who could be told.
process.stderr.on("error", () => {})
// What is thrown where nobody catches it is our mistake; a stack is nothing for a person. A served worker's own is told elsewhere.
for (const event of ["uncaughtException", "unhandledRejection"] as const)
  process.on(event, (error: unknown) => {
    if (process.listenerCount(event) === 1) failed(error)
  })

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

function failed(error: unknown): never {
  process.stderr.write(`${errorLine(error)}\n`)
  process.exit(exitCodes.failed)
}
