import { createHash, randomBytes } from "node:crypto"
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs"
import { MayflyError } from "@mayfly/protocol"

/** What secrets are encrypted with. */
export interface SecretKey {
  /** 32 bytes. */
  readonly bytes: Buffer
  /** Tells keys apart without giving them away. */
  readonly id: string
}

/** A key from its text: 32 bytes in base64 or hexadecimal. Throws `input.invalid`, which says `from` where it came. */
export function parseSecretKey(text: string, from: string): SecretKey {
  const trimmed = text.trim()
  const bytes = Buffer.from(trimmed, /^[0-9a-f]{64}$/i.test(trimmed) ? "hex" : "base64")
  if (bytes.length !== 32) {
    throw new MayflyError("input.invalid", `${from} must hold 32 random bytes as base64 or hexadecimal`, {
      details: { path: from },
    })
  }
  return { bytes, id: createHash("sha256").update("mayfly secret key id\0").update(bytes).digest("hex").slice(0, 16) }
}

/** The key in a file, made at the first call, for its owner only. Several processes that start at once get the same one. */
export function secretKeyFile(path: string): SecretKey {
  try {
    const file = openSync(path, "wx", 0o600)
    try {
      writeSync(file, `${randomBytes(32).toString("base64")}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
  }
  return parseSecretKey(readFileSync(path, "utf8"), path)
}
