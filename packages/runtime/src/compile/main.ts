// The compile process: parses and transforms guest text, jailed, one request after another. It holds no state worth keeping and may be killed.
import { channelOnFd } from "../wire/frame-channel.ts"
import { compileProgram } from "./compile-program.ts"
import { planProgram } from "./plan-program.ts"
import type { CompileRequest } from "./program.ts"

const channel = channelOnFd(3, (head, parts) => {
  if (head.t === "plan") return plan(parts[0] ?? "{}")
  const answer = compileProgram(JSON.parse(parts[0] ?? "{}") as CompileRequest)
  if ("failure" in answer) channel.send({ t: "failed", id: head.id }, JSON.stringify(answer.failure))
  else channel.send({ t: "compiled", id: head.id }, JSON.stringify(answer.program), JSON.stringify(answer.positions))
})

function plan(request: string): void {
  const answer = planProgram(JSON.parse(request) as CompileRequest)
  if ("failure" in answer) channel.send({ t: "failed" }, JSON.stringify(answer.failure))
  else channel.send({ t: "planned" }, JSON.stringify(answer.plan))
}

// The first compilation loads the parsers; no user should wait for that.
compileProgram({ script: "const warm: number = 1\nwarm", language: "auto" })
channel.send({ t: "ready" })
