// One contender in a process of its own, so that what it costs and what it leaves behind when it is killed are its own.
import { contenders } from "./all.ts"
import type { Command, Reply, Result } from "./commands.ts"
import type { WorkflowContender } from "./contender.ts"

const [name = "", folder = "", databaseUrl] = process.argv.slice(2)
// Also on Ctrl-C, so that exit handlers end what the contender started.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(0))
process.on("disconnect", () => process.exit(0))

const starting = contenders[name]?.start({ folder, databaseUrl })
if (starting === undefined) throw new Error(`there is no contender "${name}"`)
starting.catch(() => {})

process.on("message", (message) => void answer(message as Command))

async function answer(command: Command): Promise<void> {
  let reply: Reply
  try {
    reply = { ok: true, result: await perform(await starting, command) }
  } catch (error) {
    reply = { ok: false, problem: (error as Error).stack ?? String(error) }
  }
  process.send?.(reply)
}

async function perform(contender: WorkflowContender | undefined, command: Command): Promise<Result> {
  if (contender === undefined) throw new Error("nothing was started")
  const began = performance.now()
  const took = (): number => performance.now() - began
  switch (command.kind) {
    case "run":
      await contender.run(command.prefix, command.count, command.steps)
      return { ms: took() }
    case "sleep":
      return { late: await contender.sleep(command.prefix, command.count, command.at), ms: took() }
    case "begin":
      await contender.begin(command.count)
      return { ms: took() }
    case "resume":
      return { resumed: await contender.resume(command.count), ms: took() }
    case "stop":
      await contender.stop()
      return { ms: took() }
  }
}
