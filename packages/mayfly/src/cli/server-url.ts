import { invalid } from "./command-error.ts"

/** The address of a server: nothing but an origin. Throws `input.invalid`. */
export function serverUrl(text: string, option: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && url.password === ""
  if (isPlain && url.pathname === "/" && url.search === "" && url.hash === "") return url
  // A password in it is not repeated.
  const given = text.includes("@") ? "" : `, not "${text}"`
  throw invalid(option, `must be the address of a server, such as https://mayfly.example.com${given}`)
}
