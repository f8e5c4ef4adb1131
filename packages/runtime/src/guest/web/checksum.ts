/** A running checksum as the containers of RFC 1950 and RFC 1952 need it; fflate verifies none when it inflates. */
export interface Checksum {
  add(bytes: Uint8Array): void
  /** Unsigned, 32 bits. */
  value(): number
}

export function createCrc32(): Checksum {
  let crc = 0xffff_ffff
  return {
    add(bytes) {
      const table = crcTable()
      for (let at = 0; at < bytes.length; at++) {
        crc = (table[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8)
      }
    },
    value: () => ~crc >>> 0,
  }
}

export function createAdler32(): Checksum {
  let low = 1
  let high = 0
  return {
    add(bytes) {
      // 3,800 bytes is as far as the sums can go without leaving 31 bits.
      for (let at = 0; at < bytes.length;) {
        const end = Math.min(at + 3_800, bytes.length)
        for (; at < end; at++) {
          low += bytes[at] as number
          high += low
        }
        low %= 65_521
        high %= 65_521
      }
    },
    value: () => ((high << 16) | low) >>> 0,
  }
}

let table: Int32Array | undefined

function crcTable(): Int32Array {
  return (table ??= Int32Array.from({ length: 256 }, (_, index) => {
    let value = index
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1
    return value
  }))
}
