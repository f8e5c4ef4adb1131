import type { ChildProcess } from "node:child_process"
import type { Socket } from "node:net"

/** Whether a process and its pipes keep this one alive. */
export function holdChild(child: ChildProcess, isHeld: boolean): void {
  const streams = child.stdio as readonly (Socket | null | undefined)[]
  // A socket that has closed would wait for its next connection to do so.
  for (const handle of [child, ...streams.filter((stream) => stream?.destroyed === false)]) {
    if (isHeld) handle?.ref()
    else handle?.unref()
  }
}
