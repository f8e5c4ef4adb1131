import { Socket } from "node:net"
import { Duplex } from "node:stream"

/** The way to the supervisor: one descriptor for both directions, or one to read and one to write. */
export function openLink(descriptors: string): Duplex {
  const [input, output] = descriptors.split(",").map(Number)
  if (output === undefined) return new Socket({ fd: input ?? -1, readable: true, writable: true })
  const readable = new Socket({ fd: input ?? -1, readable: true, writable: false })
  const writable = new Socket({ fd: output, readable: false, writable: true })
  const link = Duplex.from({ readable, writable })
  // Its end is the end of the sandbox, whatever could still be written.
  readable.once("end", () => link.destroy())
  return link
}
