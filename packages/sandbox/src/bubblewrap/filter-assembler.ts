// Assembles classic BPF, the format of seccomp filters (struct sock_filter of linux/filter.h), with labels in place of counted jumps.

export type FilterArch = "x64" | "arm64"

export type FilterLine =
  | { readonly label: string }
  | { readonly load: number }
  | { readonly verdict: number }
  | { readonly test: FilterTest; readonly value: number; readonly then?: string; readonly otherwise?: string }

export type FilterTest = "equal" | "at-least" | "any-bit"

export const verdicts = {
  allow: 0x7fff0000,
  kill: 0x80000000,
  error: (errno: number): number => 0x00050000 | errno,
}

export const offsetOfCall = 0
export const offsetOfArch = 4
/** The low half of an argument: the kernel cuts flags, commands and families to 32 bits as well. */
export const offsetOfArgument = (index: number): number => 16 + 8 * index

const loadWord = 0x20
const answer = 0x06
const jumps: Readonly<Record<FilterTest, number>> = { equal: 0x15, "at-least": 0x35, "any-bit": 0x45 }
const maxJump = 255

/** The bytes of a program. Throws for a label that is missing or too far away. */
export function assembleFilter(lines: readonly FilterLine[]): Buffer {
  const labels = new Map<string, number>()
  let count = 0
  for (const line of lines) {
    if ("label" in line) labels.set(line.label, count)
    else count++
  }
  const bytes = Buffer.alloc(count * 8)
  let index = 0
  for (const line of lines) {
    if ("label" in line) continue
    writeInstruction(bytes, index, line, labels)
    index++
  }
  return bytes
}

function writeInstruction(
  bytes: Buffer,
  index: number,
  line: Exclude<FilterLine, { label: string }>,
  labels: ReadonlyMap<string, number>,
): void {
  const distance = (label: string | undefined): number => {
    if (label === undefined) return 0
    const jump = (labels.get(label) ?? -1) - index - 1
    if (jump < 0 || jump > maxJump) throw new Error(`the label "${label}" can't be reached from line ${index}`)
    return jump
  }
  if ("load" in line) return write(bytes, index, [loadWord, 0, 0, line.load])
  if ("verdict" in line) return write(bytes, index, [answer, 0, 0, line.verdict])
  write(bytes, index, [jumps[line.test], distance(line.then), distance(line.otherwise), line.value])
}

function write(bytes: Buffer, index: number, [code, then, otherwise, value]: [number, number, number, number]): void {
  bytes.writeUInt16LE(code, index * 8)
  bytes.writeUInt8(then, index * 8 + 2)
  bytes.writeUInt8(otherwise, index * 8 + 3)
  bytes.writeUInt32LE(value >>> 0, index * 8 + 4)
}
