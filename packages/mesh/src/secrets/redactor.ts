import { type SecretAutomaton, secretAutomaton } from "./secret-automaton.ts"
import type { SecretValue } from "./secret-forms.ts"

const star = 42
const lineFeed = 10

/** Takes brokered secrets out of bytes and texts that go to a guest, a log or a row. Lengths do not change. */
export interface Redactor {
  /** A copy of `text` with "*" in place of every form of every secret; the same text when there was none. */
  text(text: string): string
  /** Masks them where they are. */
  bytes(bytes: Uint8Array): void
  /** Redacts in pieces; a secret that is split between pieces is found. */
  stream(): RedactingStream
  /** The same, with somebody else told. */
  reporting(onFound: (name: string) => void): Redactor
}

export interface RedactingStream {
  /**
   * Takes the next piece, which must not be used afterwards, and gives what is safe by now. What is kept back depends on lines and lengths only: if it
   * were what may be the beginning of a secret, whoever sends guesses and looks at what arrives could find a secret out, letter by letter.
   */
  push(piece: Uint8Array): Uint8Array
  readonly isHolding: boolean
  /** What was kept back: nothing came for long. Of a secret whose rest comes later, the rest is masked. */
  flush(): Uint8Array
  /** What was kept back, at the end. */
  end(): Uint8Array
}

/**
 * `onFound` is called with the name of a secret whenever one was found: somebody tried to read it, so raise an alert.
 * It may be called more than once for one place, since a secret has several forms.
 */
export function createRedactor(secrets: readonly SecretValue[], onFound: (name: string) => void = () => {}): Redactor {
  return redactorOf(secretAutomaton(secrets), onFound)
}

function redactorOf(automaton: SecretAutomaton, onFound: (name: string) => void): Redactor {
  return {
    text(text) {
      let isFound = false
      const stream = redactingStream(automaton, (name) => {
        isFound = true
        onFound(name)
      })
      const redacted = Buffer.concat([stream.push(Buffer.from(text)), stream.end()])
      return isFound ? redacted.toString() : text
    },
    bytes: (bytes) => void redactingStream(automaton, onFound).push(bytes),
    stream: () => redactingStream(automaton, onFound),
    reporting: (other) => redactorOf(automaton, other),
  }
}

function redactingStream(automaton: SecretAutomaton, onFound: (name: string) => void): RedactingStream {
  const { classOf, next } = automaton
  let kept: Uint8Array = new Uint8Array()
  let state = 0
  const flush = (): Uint8Array => {
    const rest = kept
    kept = new Uint8Array()
    return rest
  }
  /** The bytes before `end` are a match, or several. */
  const mask = (bytes: Uint8Array, end: number, ending: number): void => {
    for (const { length, name } of automaton.endings(ending)) {
      onFound(name)
      // Its beginning may have left already.
      bytes.fill(star, Math.max(0, end - length), end)
    }
  }
  return {
    push(piece) {
      const all = kept.length === 0 ? piece : Buffer.concat([kept, piece])
      // A local: this loop sees every byte of every response.
      let now = state
      for (let at = kept.length; at < all.length; at++) {
        now = next[now + (classOf[all[at] as number] as number)] as number
        if (now >= 0) continue
        now = ~now
        mask(all, at + 1, now)
      }
      state = now
      // No form holds a line feed, so that streams of lines and events are held back by nothing.
      const safe = Math.max(0, all.lastIndexOf(lineFeed) + 1, all.length - automaton.maxLength + 1)
      kept = Uint8Array.from(all.subarray(safe))
      return all.subarray(0, safe)
    },
    get isHolding() {
      return kept.length > 0
    },
    flush,
    end() {
      state = 0
      return flush()
    },
  }
}
