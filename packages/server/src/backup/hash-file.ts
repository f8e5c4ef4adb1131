import { execFile } from "node:child_process"
import type { Hash } from "node:crypto"
import { type FileHandle, open } from "node:fs/promises"
import { promisify } from "node:util"

const piece = 1 << 16
/** Above this a file may be a disk image: gigabytes in which little was written. */
const largeBytes = 64 << 20
const zeros = Buffer.alloc(piece)

/**
 * Adds a file's bytes to a hash; gives how many it has. Of a large one only what is not zero is added, with its place, so that holes need not be read, and it does
 * not matter where a copy has them.
 */
export async function hashFile(hash: Hash, path: string | Buffer): Promise<number> {
  await using file = await open(path)
  const { size, blocks } = await file.stat()
  if (size <= largeBytes) {
    for await (const chunk of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) hash.update(chunk)
    return size
  }
  const hasHoles = blocks * 512 < size
  const ranges = hasHoles && typeof path === "string" ? await dataRanges(path, size) : [{ start: 0, end: size }]
  for (const range of ranges) await hashRange(hash, file, range)
  hash.update(`${size}`)
  return size
}

interface Range {
  readonly start: number
  readonly end: number
}

async function hashRange(hash: Hash, file: FileHandle, { start, end }: Range): Promise<void> {
  const buffer = Buffer.alloc(piece * 16)
  for (let at = start; at < end;) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - at), at)
    if (bytesRead === 0) return
    for (let from = 0; from < bytesRead; from += piece) {
      const part = buffer.subarray(from, Math.min(from + piece, bytesRead))
      if (part.equals(zeros.subarray(0, part.length))) continue
      hash.update(`${at + from}\n`).update(part)
    }
    at += bytesRead
  }
}

/** Where a file is no hole, in whole pieces; all of it where that can't be known. */
async function dataRanges(path: string, size: number): Promise<Range[]> {
  const whole = [{ start: 0, end: size }]
  try {
    const env = { PATH: "/usr/sbin:/sbin:/usr/bin:/bin", LC_ALL: "C" }
    const { stdout } = await promisify(execFile)("filefrag", ["-s", "-v", "-b4096", path], { env, maxBuffer: 64 << 20 })
    if (!/ extents? found$/m.test(stdout)) return whole
    const found = [...stdout.matchAll(/^\s*\d+:\s*(\d+)\.\.\s*(\d+):/gm)]
    return joined(
      found.map(([, first, last]) => ({ start: Number(first) * 4_096, end: (Number(last) + 1) * 4_096 })),
      size,
    )
  } catch {
    return whole
  }
}

function joined(ranges: readonly Range[], size: number): Range[] {
  const all: { start: number; end: number }[] = []
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    const [from, to] = [Math.floor(start / piece) * piece, Math.min(Math.ceil(end / piece) * piece, size)]
    const last = all.at(-1)
    if (last !== undefined && from <= last.end) last.end = Math.max(last.end, to)
    else all.push({ start: from, end: to })
  }
  return all
}
