import { once } from "node:events"
import { text as textOf } from "node:stream/consumers"
import type { Output } from "./output.ts"

const maxCharacters = 4_096

/** A line that a person types or pastes and that is shown nowhere; without a terminal all of stdin. Rejects when the person gives up. */
export async function askSecret(question: string, { stderr }: Output): Promise<string> {
  const { stdin } = process
  if (!stdin.isTTY) return (await textOf(stdin)).trim()
  // First of all: who types at once, or before the question, is not to see it either.
  stdin.setRawMode(true)
  stderr.write(question)
  try {
    let typed = ""
    for await (const chunk of stdin.setEncoding("utf8").iterator({ destroyOnReturn: false }) as AsyncIterable<string>) {
      for (const character of chunk) {
        if (character === "\r" || character === "\n") return typed.trim()
        if (character === "\u0004") return ""
        if (character === "\u0003") return await interrupted()
        typed = character === "\u007f" || character === "\b" ? typed.slice(0, -1) : typed + character
        if (typed.length > maxCharacters) return typed
      }
    }
    return typed.trim()
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    stderr.write("\n")
  }
}

/** In raw mode Ctrl-C is a character; whoever listens for signals hears of it as ever, and before this ends. */
async function interrupted(): Promise<string> {
  const heard = once(process, "SIGINT")
  process.kill(process.pid, "SIGINT")
  await heard
  return ""
}
