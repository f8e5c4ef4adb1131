import { type SecretAutomaton, secretAutomaton } from "./secret-automaton.ts"
import type { SecretValue } from "./secret-forms.ts"

const star = 42

/** Takes brokered secrets out of bytes and texts that go to a guest, a log or a row. Lengths do not change. */
export interface Redactor {
  /** A copy of `text` with "*" in place of every form of every secret; the same text when there was none. */
  text(text: string): string
  /** Redacts in pieces; a secret that is split between pieces is found. */
  stream(): RedactingStream
  /** The same, with somebody else told. */
  reporting(onFound: (name: string) => void): Redactor
}

export interface RedactingStream {
  /** Takes the next piece, which must not be used afterwards, and gives what is safe by now: the end of it may be kept back. */
  push(piece: Uint8Array): Uint8Array
  /** What was kept back. */
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
    stream: () => redactingStream(automaton, onFound),
    reporting: (other) => redactorOf(automaton, other),
  }
}

function redactingStream(automaton: SecretAutomaton, onFound: (name: string) => void): RedactingStream {
  const { classOf, next } = automaton
  let kept: Uint8Array = new Uint8Array()
  let state = 0
  /** The bytes before `end` are a match, or several. */
  const mask = (bytes: Uint8Array, end: number, ending: number): void => {
    for (const { length, name } of automaton.endings(ending)) {
      onFound(name)
      bytes.fill(star, end - length, end)
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
      const safe = all.length - automaton.depth(state)
      kept = Uint8Array.from(all.subarray(safe))
      return all.subarray(0, safe)
    },
    end() {
      const rest = kept
      kept = new Uint8Array()
      state = 0
      return rest
    },
  }
}
