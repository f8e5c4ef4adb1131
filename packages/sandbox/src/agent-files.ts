import { once } from "node:events"
import type { Readable } from "node:stream"
import { MayflyError, type FileEvent, type FileInfo } from "@mayfly/protocol"
import { fileInfoOf, isPath, objectOf, resultOf, senseless, wholeNumber } from "./agent-answer.ts"
import { jsonLines } from "./json-lines.ts"
import type { Channel, Message } from "./link/channel.ts"
import type { SupervisorLink } from "./link/supervisor-link.ts"
import type { ProviderFiles, ReadRange, WatchOptions, WriteOptions } from "./sandbox-provider.ts"

const maxEntries = 100_000
const maxListBytes = 64 << 20
const eventTypes: readonly unknown[] = ["create", "modify", "delete", "missed"]

/** Files of a sandbox through its agent. No path of a guest's ever becomes one of the host's. */
export class AgentFiles implements ProviderFiles {
  readonly #link: SupervisorLink
  readonly #prefix: string | null

  constructor(link: SupervisorLink, prefix: string | null = null) {
    this.#link = link
    this.#prefix = prefix
  }

  within(prefix: string): AgentFiles {
    return new AgentFiles(this.#link, prefix)
  }

  async read(path: string, { start, end, maxBytes }: ReadRange): Promise<Readable> {
    const operation = { op: "file-read", path, start: start ?? null, end: end ?? null, maxBytes: maxBytes ?? null }
    const channel = this.#open(operation)
    const readable = channel.readable(1)
    await firstMessage(channel)
    // The end of the stream says nothing about an error after it began.
    channel.closed.then(resultOf).catch((error: Error) => readable.destroy(error))
    readable.once("close", () => this.#link.cancel(channel))
    return readable
  }

  async write(path: string, source: AsyncIterable<Uint8Array>, options: WriteOptions): Promise<number> {
    const { mode, append } = options
    const channel = this.#open({ op: "file-write", path, mode: mode ?? null, append: append === true })
    try {
      await this.#feed(channel, source)
    } catch (error) {
      this.#link.cancel(channel)
      throw error
    }
    return wholeNumber(objectOf(resultOf(await channel.closed))["size"])
  }

  /** The call may end first: a disk that is full, a folder in the way. */
  async #feed(channel: Channel, source: AsyncIterable<Uint8Array>): Promise<void> {
    const sink = channel.writable(0)
    for await (const chunk of source) {
      if (channel.isClosed || sink.destroyed) return
      if (!sink.write(chunk)) await Promise.race([once(sink, "drain"), once(sink, "close")]).catch(() => {})
    }
    if (!sink.destroyed) sink.end()
  }

  async list(path: string, { recursive }: { readonly recursive: boolean }): Promise<readonly FileInfo[]> {
    const channel = this.#open({ op: "file-list", path, recursive, maxEntries })
    const entries: FileInfo[] = []
    let size = 0
    try {
      for await (const line of jsonLines(channel.readable(1))) {
        const entry = fileInfoOf(line)
        size += entry.path.length + 100
        if (entries.push(entry) > maxEntries || size > maxListBytes) throw senseless()
      }
      if (objectOf(resultOf(await channel.closed))["isCut"] !== true) return entries
    } finally {
      this.#link.cancel(channel)
    }
    throw new MayflyError("sandbox.limit", `more than ${maxEntries} entries are below "${path}": list a part of it`)
  }

  async stat(path: string): Promise<FileInfo> {
    return fileInfoOf(await this.#call({ op: "file-stat", path }))
  }

  async mkdir(path: string, recursive: boolean): Promise<void> {
    await this.#call({ op: "file-mkdir", path, recursive })
  }

  async remove(path: string, recursive: boolean): Promise<void> {
    await this.#call({ op: "file-remove", path, recursive })
  }

  async rename(path: string, to: string): Promise<void> {
    await this.#call({ op: "file-rename", path, to })
  }

  async chmod(path: string, mode: number): Promise<void> {
    await this.#call({ op: "file-chmod", path, mode })
  }

  async *watch(path: string, { recursive, signal, onReady }: WatchOptions): AsyncGenerator<FileEvent, void, void> {
    if (this.#prefix !== null) throw new MayflyError("sandbox.unsupported", "a part of the files can't be watched")
    const channel = this.#open({ op: "file-watch", path, recursive })
    const end = (): void => this.#link.cancel(channel)
    const lines = jsonLines(channel.readable(1))
    signal.addEventListener("abort", end, { once: true })
    try {
      await firstMessage(channel)
      if (signal.aborted) return
      await onReady?.()
      for await (const line of lines) {
        if (signal.aborted) return
        yield eventOf(line)
      }
    } finally {
      signal.removeEventListener("abort", end)
      end()
    }
  }

  #open(operation: Message): Channel {
    return this.#link.open({ ...operation, within: this.#prefix })
  }

  async #call(operation: Message): Promise<unknown> {
    return resultOf(await this.#open(operation).closed)
  }
}

/** Waits until the agent says that the call has begun. Rejects with its error when it could not. */
export function firstMessage(channel: Channel): Promise<Message> {
  return new Promise((resolve, reject) => {
    channel.onMessage = resolve
    channel.closed.then((message) => {
      try {
        resultOf(message)
        reject(senseless())
      } catch (error) {
        reject(error as Error)
      }
    }, reject)
  })
}

function eventOf(value: unknown): FileEvent {
  const { type, path } = objectOf(value)
  if (!isEventType(type) || !isPath(path)) throw senseless()
  return { type, path }
}

function isEventType(value: unknown): value is FileEvent["type"] {
  return eventTypes.includes(value)
}
