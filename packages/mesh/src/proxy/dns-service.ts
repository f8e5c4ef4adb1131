import type { Socket as UdpSocket } from "node:dgram"
import type { Socket } from "node:net"
import type { MayflyError } from "@mayfly/protocol"
import { canonicalTarget } from "../policy/canonical-target.ts"
import { dnsAnswer, type DnsOutcome, type DnsQuestion, maxQuestionBytes, readDnsQuestion } from "./dns-message.ts"
import { firstChunk } from "./read-socket.ts"

export interface DnsServiceOptions {
  /** Whether the policy has room for a connection to this host, whose spelling is canonical. */
  mayReach(host: string): boolean
  /** The address that stands for a host within the sandbox. */
  addressOf(host: string): string
  /** Records that a name was refused, and gives the words for whoever asked. */
  refuse(name: string): Promise<MayflyError>
}

/**
 * The sandbox's name server. Allowed names get an address that leads to us; all others do not exist. No question ever goes
 * further, so none can carry anything out.
 */
export class DnsService {
  readonly #options: DnsServiceOptions
  readonly #refusals = new RecentRefusals()
  #underWay = 0

  constructor(options: DnsServiceOptions) {
    this.#options = options
  }

  serveUdp(socket: UdpSocket): void {
    // A datagram that cannot be delivered is lost, as datagrams are.
    socket.on("error", () => {})
    socket.on("message", (bytes, { port, address }) => {
      this.#answer(bytes)
        .then((answer) => {
          if (answer !== null && !this.#isClosed) socket.send(answer, port, address, () => {})
        })
        // Whoever owns the socket may have closed it meanwhile.
        .catch(() => {})
    })
  }

  /** One question after the other (RFC 7766, 8), until there is no further one. */
  async serveTcp(socket: Socket): Promise<void> {
    for (;;) {
      const head = await firstChunk(socket, 2)
      if (head === null) return socket.destroySoon()
      const length = head.readUInt16BE()
      const bytes = length > maxQuestionBytes || length === 0 ? null : await firstChunk(socket, length)
      const answer = bytes === null ? null : await this.#answer(bytes)
      if (answer === null || socket.destroyed) return void socket.destroy()
      const size = Buffer.alloc(2)
      size.writeUInt16BE(answer.length)
      socket.write(Buffer.concat([size, answer]))
    }
  }

  close(): void {
    this.#isClosed = true
  }

  #isClosed = false

  async #answer(bytes: Uint8Array): Promise<Uint8Array | null> {
    const question = readDnsQuestion(bytes)
    // Whoever asks more than this at once waits for its answers first, or asks again.
    if (question === null || this.#underWay >= maxUnderWay) return null
    this.#underWay++
    try {
      return dnsAnswer(question, await this.#outcome(question))
    } catch {
      return dnsAnswer(question, { kind: "failed" })
    } finally {
      this.#underWay--
    }
  }

  async #outcome({ name, type }: DnsQuestion): Promise<DnsOutcome> {
    const host = hostIn(name)
    if (host === null || !this.#options.mayReach(host)) return { kind: "refused", text: await this.#refusal(name) }
    // No IPv6 address, and none of the hints (HTTPS, SVCB) that would hide server names or lead to other ports.
    if (type !== "A") return { kind: "empty" }
    return { kind: "address", address: this.#options.addressOf(host), ttlSeconds }
  }

  async #refusal(name: string): Promise<string> {
    const known = this.#refusals.get(name)
    if (known !== undefined) return known
    if (!this.#refusals.hasRoom()) return tooMany
    const { message } = await this.#options.refuse(name)
    this.#refusals.add(name, message)
    return message
  }
}

const maxUnderWay = 64
const ttlSeconds = 60
const tooMany = "The name was denied, as were many others just before."

/** A host as policies spell it. Something that is an address, or spells one, is no name to ask for. */
function hostIn(name: string): string | null {
  if (!/^[\x21-\x7e]{1,254}$/.test(name) || /[/?#@\\:%[\]]/.test(name)) return null
  const parsed = canonicalTarget(`https://${name}`)
  if (!parsed.ok) return null
  const { host } = parsed.target
  return host === name.toLowerCase().replace(/\.$/, "") && !/^[\d.]+$/.test(host) ? host : null
}

/** Programs ask for the same name many times, and twice for each try; one row a minute tells as much. */
class RecentRefusals {
  readonly #texts = new Map<string, string>()
  #since = performance.now()

  get(name: string): string | undefined {
    this.#forget()
    return this.#texts.get(name)
  }

  /** A program that spells out data in names would fill a ledger: beyond this, names are refused and not recorded. */
  hasRoom(): boolean {
    return this.#texts.size < maxRefusals
  }

  add(name: string, text: string): void {
    this.#texts.set(name, text)
  }

  #forget(): void {
    if (performance.now() - this.#since < 60_000) return
    this.#since = performance.now()
    this.#texts.clear()
  }
}

const maxRefusals = 1_000
