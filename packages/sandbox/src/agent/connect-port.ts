import { connect } from "node:net"
import type { AgentCall } from "../link/agent-link.ts"

const tryAgainMs = 50

/** A connection to a port on the sandbox's loopback: stream 0 goes in, 1 comes out. */
export function connectPort(call: AgentCall): void {
  const socket = connect({ port: call.operation["port"] as number, host: "127.0.0.1", allowHalfOpen: true })
  const output = call.channel.writable(1)
  let failure: Error | undefined
  socket.once("connect", () => {
    call.channel.send({ connected: true })
    call.channel.readable(0).pipe(socket)
    socket.pipe(output)
  })
  socket.on("error", (error) => (failure = error))
  socket.on("close", () => {
    if (failure !== undefined) return call.fail(failure)
    if (output.writableFinished || output.destroyed) call.ok({})
    else output.end(() => call.ok({}))
  })
  call.onCancel = () => {
    output.destroy()
    socket.destroy()
  }
}

/** Ends when something listens on the port. */
export function waitForPort(call: AgentCall): void {
  const port = call.operation["port"] as number
  let timer: NodeJS.Timeout | undefined
  const attempt = (): void => {
    const socket = connect({ port, host: "127.0.0.1" })
    socket.once("connect", () => {
      socket.destroy()
      call.ok({})
    })
    socket.once("error", () => {
      if (!call.isDone) timer = setTimeout(attempt, tryAgainMs)
    })
  }
  call.onCancel = () => {
    clearTimeout(timer)
    call.ok({})
  }
  attempt()
}
