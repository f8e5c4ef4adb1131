import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, resolve } from "node:path"

/** Writes the results of a bench as JSON, and says where. */
export function save(results: object, file: string): void {
  const path = resolve(file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(results, undefined, 2)}\n`)
  console.log(`written: ${path}`)
}

/** One line that the next one takes the place of; nothing when nobody looks. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text} …`)
}

export function print(text: string): void {
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K")
  console.log(`${text}\n`)
}
