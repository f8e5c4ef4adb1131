import { installedKernel } from "./installed-kernel.ts"

export interface ParsedUrl {
  readonly href: string
  readonly username: string
  readonly password: string
}

/** Loads the url chunk. Null when `text` is not an absolute URL. */
export function parseUrl(text: string): ParsedUrl | null {
  const { URL } = installedKernel().chunk<{ URL: { parse(text: string): ParsedUrl | null } }>("url")
  return URL.parse(text)
}
