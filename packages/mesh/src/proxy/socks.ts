import { timingSafeEqual } from "node:crypto"
import type { Socket } from "node:net"
import type { MayflyError } from "@mayfly/protocol"
import ipaddr from "ipaddr.js"
import { firstChunk } from "./read-socket.ts"

/** What a SOCKS5 client wants to be connected to, as it said it. */
export interface SocksRequest {
  readonly host: string
  readonly port: number
}

/**
 * The greeting and the request of RFC 1928. Null when there is none that can be served; the client has been told by then, and
 * the connection ends. With a token the client has to show it as its password (RFC 1929).
 */
export async function readSocksRequest(socket: Socket, token: string | null): Promise<SocksRequest | null> {
  const greeting = await firstChunk(socket, 2)
  const methods = greeting === null ? null : await firstChunk(socket, greeting[1] ?? 0)
  if (methods === null) return null
  const method = token === null ? noLogin : password
  if (!methods.includes(method)) return ended(socket, [version, noneAcceptable])
  socket.write(Buffer.from([version, method]))
  if (token !== null && !(await hasLoggedIn(socket, token))) return null
  return readRequest(socket)
}

export function acceptSocks(socket: Socket): void {
  socket.write(reply(0))
}

export function refuseSocks(socket: Socket, error: MayflyError): void {
  socket.end(reply(codeOf(error)))
}

const version = 5
const noLogin = 0
const password = 2
const noneAcceptable = 0xff
const connectCommand = 1

async function hasLoggedIn(socket: Socket, token: string): Promise<boolean> {
  const head = await firstChunk(socket, 2)
  const user = head === null || head[0] !== 1 ? null : await readSized(socket, head[1] ?? 0)
  const length = user === null ? null : await firstChunk(socket, 1)
  const given = length === null ? null : await readSized(socket, length[0] ?? 0)
  const isRight = given !== null && isSame(given, Buffer.from(token))
  if (isRight) socket.write(Buffer.from([1, 0]))
  else ended(socket, [1, 1])
  return isRight
}

/** In a time that says nothing about how much of it is right. */
export function isSame(given: Uint8Array, expected: Uint8Array): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected)
}

async function readRequest(socket: Socket): Promise<SocksRequest | null> {
  const head = await firstChunk(socket, 4)
  if (head === null || head[0] !== version || head[2] !== 0) return ended(socket, reply(1))
  if (head[1] !== connectCommand) return ended(socket, reply(7))
  const host = await readHost(socket, head[3] ?? 0)
  if (host === null) return ended(socket, reply(8))
  const port = await firstChunk(socket, 2)
  return port === null ? null : { host, port: port.readUInt16BE() }
}

async function readHost(socket: Socket, kind: number): Promise<string | null> {
  if (kind === 1 || kind === 4) {
    const bytes = await firstChunk(socket, kind === 1 ? 4 : 16)
    return bytes === null ? null : ipaddr.fromByteArray([...bytes]).toString()
  }
  if (kind !== 3) return null
  const length = await firstChunk(socket, 1)
  const name = length === null ? null : await readSized(socket, length[0] ?? 0)
  // Not decoded but to plain characters: what else there is becomes something that is no host.
  return name === null ? null : name.toString("latin1").replaceAll(/[^\x21-\x7e]/g, " ")
}

/** `read(0)` of a socket means something else than no bytes. */
async function readSized(socket: Socket, length: number): Promise<Buffer | null> {
  return length === 0 ? Buffer.alloc(0) : firstChunk(socket, length)
}

function ended(socket: Socket, bytes: Uint8Array | readonly number[]): null {
  socket.end(Buffer.from(bytes))
  return null
}

function reply(code: number): Buffer {
  return Buffer.from([version, code, 0, 1, 0, 0, 0, 0, 0, 0])
}

function codeOf({ code, details }: MayflyError): number {
  switch (code) {
    case "mesh.denied":
    case "mesh.pending":
    case "mesh.rate-limited":
      return 2
    case "mesh.unreachable":
      return details["code"] === "ECONNREFUSED" ? 5 : 4
    default:
      return 1
  }
}
