import { networkInterfaces } from "node:os"
import { classifyAddress, normalAddress } from "./address.ts"

/**
 * True when an address and port are a listener of this very platform: its API would take a request of a guest for one
 * of somebody on this machine. `ports` are those that the platform listens on. No rule opens them.
 */
export function isOwnListener(address: string, port: number, ports: Iterable<number>): boolean {
  for (const own of ports) if (own === port) return isThisMachine(address)
  return false
}

function isThisMachine(address: string): boolean {
  const normal = normalAddress(address)
  if (classifyAddress(normal) === "loopback") return true
  // To connect to the unspecified address is to connect to oneself.
  if (normal === "0.0.0.0" || normal === "::") return true
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return own.some((each) => normalAddress(each.address) === normal)
}
