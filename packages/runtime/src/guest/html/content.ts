import { loadStreams } from "../web/guest-streams.ts"
import { installedKernel } from "../web/installed-kernel.ts"

/** What a handler inserts: markup, or a stream that is read when its place comes. */
export type Content = string | { readonly stream: AsyncBytes; readonly isHtml: boolean }

export interface AsyncBytes {
  getReader(): { read(): Promise<{ readonly done: boolean; readonly value?: unknown }>; cancel(): Promise<void> }
}

/** Text is escaped, unless `{ html: true }` says that it is markup. */
export function contentOf(content: unknown, options: unknown): Content {
  const isHtml = Boolean((options as { html?: unknown } | null | undefined)?.html)
  const stream = streamOf(content)
  if (stream !== null) return { stream, isHtml }
  const text = `${content as string}`
  return isHtml ? text : escapeText(text)
}

function streamOf(content: unknown): AsyncBytes | null {
  if (typeof content !== "object" || content === null) return null
  const kernel = installedKernel()
  if (kernel.isLoaded("streams") && loadStreams().isReadableStream(content)) return content
  const { Response } = kernel.chunk<{ Response: new () => { readonly body: AsyncBytes | null } }>("fetch")
  if (!(content instanceof Response)) return null
  return content.body ?? emptyStream
}

const emptyStream: AsyncBytes = {
  getReader: () => ({ read: async () => ({ done: true }), cancel: async () => undefined }),
}

export function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
}
