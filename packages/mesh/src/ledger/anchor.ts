import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { open, rename } from "node:fs/promises"
import { join } from "node:path"
import type { ChainHead } from "@mayfly/protocol"
import type { FoundAnchor } from "./ledger-procedures.ts"

/**
 * Remembers the head of the chain outside of the database, so that entries missing at the end are noticed. Signed with a key that lies beside it:
 * whoever can write to the database only can't forge it; whoever owns the whole folder can. Against those, write heads down elsewhere.
 */
export interface Anchor {
  read(): FoundAnchor
  /** On disk when it resolves. */
  write(head: ChainHead): Promise<void>
}

/** The anchor of a folder: `ledger-head.json` and `ledger-key`. `isReadOnly`: makes no key. */
export function fileAnchor(directory: string, { isReadOnly }: { readonly isReadOnly: boolean }): Anchor {
  const path = join(directory, "ledger-head.json")
  const key = isReadOnly ? readKey(directory) : ensureKey(directory)
  return {
    read: () => (key === undefined ? "missing" : readAnchor(path, key)),
    async write({ seq, hash }) {
      if (key === undefined) return
      // One name per process: what a killed one leaves is no heap.
      const temporary = `${path}.new-${process.pid}`
      const handle = await open(temporary, "w", 0o600)
      try {
        await handle.writeFile(JSON.stringify({ seq, hash, signature: sign(key, { seq, hash }).toString("hex") }))
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(temporary, path)
    },
  }
}

/** For a ledger in memory, which nobody else can reach. */
export const noAnchor: Anchor = { read: () => ({ seq: 0, hash: "0".repeat(64) }), write: async () => {} }

function readAnchor(path: string, key: Buffer): FoundAnchor {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch {
    return "missing"
  }
  try {
    const { seq, hash, signature } = JSON.parse(text) as Record<string, unknown>
    if (!Number.isSafeInteger(seq) || typeof hash !== "string" || typeof signature !== "string") return "forged"
    const head = { seq: Number(seq), hash }
    const [wanted, given] = [sign(key, head), Buffer.from(signature, "hex")]
    return wanted.length === given.length && timingSafeEqual(wanted, given) ? head : "forged"
  } catch {
    return "forged"
  }
}

function sign(key: Buffer, { seq, hash }: ChainHead): Buffer {
  return createHmac("sha256", key).update(`mayfly ledger head ${seq} ${hash}`).digest()
}

function readKey(directory: string): Buffer | undefined {
  try {
    const key = readFileSync(join(directory, "ledger-key"))
    return key.length === 32 ? key : undefined
  } catch {
    return undefined
  }
}

/** Of two processes that make one at the same time, the first wins: a link can be made only once. */
function ensureKey(directory: string): Buffer | undefined {
  const path = join(directory, "ledger-key")
  const temporary = `${path}.${randomBytes(6).toString("hex")}`
  if (readKey(directory) === undefined) {
    // Synced: half a key would make every later anchor worthless.
    writeFileSync(temporary, randomBytes(32), { mode: 0o600, flag: "wx", flush: true })
    try {
      linkSync(temporary, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
    } finally {
      rmSync(temporary, { force: true })
    }
  }
  return readKey(directory)
}
