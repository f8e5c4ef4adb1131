import { PassThrough } from "node:stream"
import { text } from "node:stream/consumers"
import { CommanderError } from "commander"
import { createCommandLine } from "../../packages/mayfly/src/cli/program.ts"

/** Runs the command in this process, for commands that need no stdin and no signals: each start of a process takes long. */
export async function mayflyHere(
  args: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const said = Promise.all([text(stdout), text(stderr)])
  const command = createCommandLine(stdout as unknown as NodeJS.WriteStream, stderr as unknown as NodeJS.WriteStream)
  const code = await command.run(args).catch((error: unknown) => {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    throw error
  })
  stdout.end()
  stderr.end()
  const [out, err] = await said
  return { code, stdout: out, stderr: err }
}
