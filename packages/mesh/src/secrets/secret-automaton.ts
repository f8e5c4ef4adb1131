import { secretForms, type SecretValue } from "./secret-forms.ts"

/** A match that ends at a state: how many bytes it is long, and whose secret. */
export interface Ending {
  readonly length: number
  readonly name: string
}

/** Finds all forms of all secrets in one pass over bytes (Aho and Corasick, 1975), as one table of transitions. */
export interface SecretAutomaton {
  /** Bytes that mean something else to no pattern share a class. */
  readonly classOf: Uint8Array
  /** A state is the index of its row: `next[state + class]` is the next one, as its complement (~) where a match ends. 0 is the start. */
  readonly next: Int32Array
  /** Of the longest form. */
  readonly maxLength: number
  endings(state: number): readonly Ending[]
}

interface Node {
  readonly children: Map<number, number>
  readonly depth: number
  endings: Ending[] | undefined
}

export function secretAutomaton(secrets: readonly SecretValue[]): SecretAutomaton {
  const { nodes, classOf, classes } = trie(secrets)
  const next = new Int32Array(nodes.length * classes)
  const fail = new Int32Array(nodes.length)
  const queue = [0]
  for (const state of queue) {
    const node = nodes[state] as Node
    const parentOf = fail[state] as number
    if (state !== 0) node.endings = joined(node.endings, nodes[parentOf]?.endings)
    for (let at = 0; at < classes; at++) {
      const child = node.children.get(at)
      const fallback = state === 0 ? 0 : (next[parentOf * classes + at] as number)
      next[state * classes + at] = child ?? fallback
      if (child === undefined) continue
      fail[child] = fallback
      queue.push(child)
    }
  }
  const rows = next.map((state) => (nodes[state]?.endings === undefined ? state * classes : ~(state * classes)))
  const nodeOf = (state: number): Node => nodes[state / classes] as Node
  const maxLength = nodes.reduce((max, { depth }) => Math.max(max, depth), 0)
  return { classOf, next: rows, maxLength, endings: (state) => nodeOf(state).endings ?? [] }
}

function trie(secrets: readonly SecretValue[]): { nodes: Node[]; classOf: Uint8Array; classes: number } {
  const nodes: Node[] = [{ children: new Map(), depth: 0, endings: undefined }]
  const classOf = new Uint8Array(256)
  let classes = 1
  for (const { name, value } of secrets) {
    for (const form of secretForms(value)) {
      let state = 0
      for (const byte of form) {
        if (classOf[byte] === 0) classOf[byte] = classes++
        state = childOf(nodes, state, classOf[byte] as number)
      }
      const last = nodes[state] as Node
      last.endings = joined(last.endings, [{ length: form.length, name }])
    }
  }
  return { nodes, classOf, classes }
}

function childOf(nodes: Node[], state: number, byteClass: number): number {
  const node = nodes[state] as Node
  const known = node.children.get(byteClass)
  if (known !== undefined) return known
  const child = nodes.push({ children: new Map(), depth: node.depth + 1, endings: undefined }) - 1
  node.children.set(byteClass, child)
  return child
}

function joined(own: Ending[] | undefined, more: Ending[] | undefined): Ending[] | undefined {
  if (own === undefined || more === undefined) return own ?? more
  return [...own, ...more]
}
