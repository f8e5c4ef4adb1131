import type { ChunkName } from "../guest/kernel.ts"

const names: Readonly<Partial<Record<ChunkName, RegExp>>> = {
  // The methods of workflows sound like globals.
  base: /\b(?:DOMException|(?!waitForEvent\b|sendEvent\b)\w*Event(?:Target)?|Abort(?:Controller|Signal)|Text(?:En|De)coder|atob|btoa|[cC]rypto|performance|navigator|structuredClone)\b/,
  console: /\bconsole\b/,
  url: /\bURL(?:SearchParams)?\b/,
  urlpattern: /\bURLPattern\b/,
  fetch: /\b(?:fetch|Headers|Request|Response|FormData|Blob|File)\b/,
  streams: /\b(?:Readable|Writable|Transform)\w*Stream|\bText(?:En|De)coderStream\b|\.body\b|\bpipeThrough\b/,
  compression: /\b(?:Dec|C)ompressionStream\b/,
  cache: /\bcaches\b/,
  html: /\bHTMLRewriter\b/,
  websocket: /\bWebSocket(?:Pair)?\b|\bwebSocket\b/,
  subtle: /\bsubtle\b/,
  "builtin:buffer": /\bBuffer\b/,
  // `console.log("text")` needs no inspection; anything else in its parentheses may.
  inspect: /\bconsole\s*\.\s*(?:dir|table)\b|\bconsole\s*\.\s*\w+\s*\(\s*(?:[^"'`)\s]|(?:"[^"]*"|'[^']*'|`[^`]*`)\s*,)/,
}

/**
 * Which runtime chunks a program names, so that a host can load them with their code cache before the run. A miss costs time, never
 * correctness: the isolate compiles the chunk itself.
 */
export function neededChunks(sources: readonly string[]): ChunkName[] {
  const found = new Set<ChunkName>()
  for (const [chunk, pattern] of Object.entries(names)) {
    if (sources.some((source) => pattern.test(source))) found.add(chunk as ChunkName)
  }
  if (found.has("cache")) found.add("fetch")
  if (found.has("html")) for (const chunk of ["fetch", "streams"] as const) found.add(chunk)
  if (found.has("fetch") || found.has("urlpattern")) found.add("url")
  if (found.has("compression")) found.add("streams")
  // Their code is written in terms of the small globals.
  if (found.has("url") || found.has("streams") || found.has("subtle") || found.has("websocket")) found.add("base")
  return [...found]
}
