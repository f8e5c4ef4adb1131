import type { ChunkName } from "../guest/kernel.ts"

const names: Readonly<Record<ChunkName, RegExp>> = {
  url: /\bURL(?:SearchParams)?\b/,
  urlpattern: /\bURLPattern\b/,
  fetch: /\b(?:fetch|Headers|Request|Response|FormData|Blob|File)\b/,
  streams: /\b(?:Readable|Writable|Transform)\w*Stream|\bText(?:En|De)coderStream\b|\.body\b|\bpipeThrough\b/,
  compression: /\b(?:Dec|C)ompressionStream\b/,
  subtle: /\bsubtle\b/,
  inspect: /\bconsole\b/,
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
  if (found.has("fetch") || found.has("urlpattern")) found.add("url")
  if (found.has("compression")) found.add("streams")
  return [...found]
}
