import { type Content, escapeText } from "./content.ts"
import { ElementTree } from "./element-tree.ts"
import { type DocumentEntry, type Entry, type Handler, inheritHandlers } from "./handlers.ts"
import { HtmlScanner, type HtmlToken } from "./html-scanner.ts"
import type { OpenElement } from "./open-element.ts"
import {
  Changes,
  Comment,
  CommentChanges,
  Doctype,
  DoctypeChanges,
  DocumentEnd,
  Element,
  ElementChanges,
  endToken,
  EndTag,
  EndTagChanges,
  Text,
  TextChanges,
} from "./tokens.ts"

type Of<Kind extends HtmlToken["kind"]> = Extract<HtmlToken, { kind: Kind }>

/** One pass over one document: takes its text piece by piece, and gives it as the handlers want it. */
export class Rewrite {
  readonly #entries: readonly Entry[]
  readonly #documents: readonly DocumentEntry[]
  readonly #scanner = new HtmlScanner(new ElementTree())
  /** What was done to elements that are open. */
  readonly #changes = new Map<OpenElement, ElementChanges>()
  /** Open elements whose content is left out. */
  #hidden = 0
  #out: Content[] = []

  constructor(entries: readonly Entry[], documents: readonly DocumentEntry[]) {
    this.#entries = entries
    this.#documents = documents
  }

  write(text: string): AsyncGenerator<string> {
    return this.#run(this.#scanner.write(text))
  }

  async *end(): AsyncGenerator<string> {
    yield* this.#run(this.#scanner.end())
    const end = new Changes()
    await run(handlersOf(this.#documents, "end"), () => new DocumentEnd(end))
    yield* pieces(end.before)
  }

  async *#run(tokens: readonly HtmlToken[]): AsyncGenerator<string> {
    for (const token of tokens) {
      const pending = this.#token(token)
      if (pending !== undefined) await pending
      if (this.#out.length < maxPieces) continue
      yield* this.#flush()
    }
    yield* this.#flush()
  }

  async *#flush(): AsyncGenerator<string> {
    const out = this.#out
    this.#out = []
    yield* pieces(out)
  }

  #put(...content: readonly Content[]): void {
    if (this.#hidden === 0) for (const piece of content) this.#out.push(piece)
  }

  /** A promise only where handlers may have something to wait for. */
  #token(token: HtmlToken): Promise<void> | undefined {
    switch (token.kind) {
      case "raw":
        return this.#put(token.raw) as undefined
      case "text":
        return this.#text(token.parent, token.raw, false)
      case "text-end":
        return this.#text(token.parent, "", true)
      case "comment":
        return this.#comment(token)
      case "doctype":
        return this.#doctype(token)
      case "open":
        return this.#open(token)
      case "close":
        return this.#close(token)
    }
  }

  #text(parent: OpenElement, text: string, isLast: boolean): Promise<void> | undefined {
    const handlers = [...handlersOf(parent.inherited, "text"), ...handlersOf(this.#documents, "text")]
    if (handlers.length === 0) return this.#put(text) as undefined
    const changes = new TextChanges(text, isLast)
    return this.#changed(
      handlers,
      changes,
      () => new Text(changes),
      () => text,
    )
  }

  #comment({ raw, text, parent }: Of<"comment">): Promise<void> | undefined {
    const handlers = [...handlersOf(parent.inherited, "comments"), ...handlersOf(this.#documents, "comments")]
    if (handlers.length === 0) return this.#put(raw) as undefined
    const changes = new CommentChanges(text)
    const written = (): string => (changes.isChanged ? `<!--${changes.text}-->` : raw)
    return this.#changed(handlers, changes, () => new Comment(changes), written)
  }

  #doctype({ raw, text }: Of<"doctype">): Promise<void> | undefined {
    const handlers = handlersOf(this.#documents, "doctype")
    const changes = new DoctypeChanges(text)
    return this.#changed(
      handlers,
      changes,
      () => new Doctype(changes),
      () => raw,
    )
  }

  async #changed(
    handlers: readonly Handler[],
    changes: Changes,
    make: () => object,
    written: () => string,
  ): Promise<void> {
    changes.isRemoved = this.#hidden > 0
    await run(handlers, make)
    this.#put(...changes.before)
    if (!changes.isRemoved) this.#put(written())
    else if (changes.replacement !== null) this.#put(changes.replacement)
    this.#put(...changes.after)
  }

  #open(token: Of<"open">): Promise<void> | undefined {
    const { element, raw } = token
    const matched = this.#entries.filter((entry) => entry.matches(element))
    element.inherited = inheritHandlers(element.parent.inherited, matched)
    const handlers = handlersOf(matched, "element")
    return handlers.length === 0 ? (this.#put(raw) as undefined) : this.#change(token, handlers)
  }

  async #change({ element, raw, hasContent, isSelfClosing }: Of<"open">, handlers: readonly Handler[]): Promise<void> {
    const changes = new ElementChanges(element, hasContent)
    changes.isRemoved = this.#hidden > 0
    await run(handlers, () => new Element(changes))
    this.#put(...changes.before)
    if (!changes.isRemoved) this.#put(changes.isTagChanged ? startTag(changes, raw, isSelfClosing) : raw)
    else if (changes.replacement !== null) this.#put(changes.replacement)
    if (!hasContent) return this.#put(...changes.after)
    this.#put(...changes.prepended)
    this.#changes.set(element, changes)
    if (!changes.keepsContent) this.#hidden++
  }

  #close({ raw, name, closed }: Of<"close">): Promise<void> | undefined {
    const changed = closed.flatMap((element) => this.#changes.get(element) ?? [])
    if (changed.length === 0) return this.#put(raw) as undefined
    for (const { element } of changed) this.#changes.delete(element)
    return this.#end(raw, name, changed)
  }

  /** An end tag also ends the elements that have none of their own. */
  async #end(raw: string, name: string, changed: readonly ElementChanges[]): Promise<void> {
    const tag = new EndTagChanges(name)
    const last = changed.at(-1)
    const isOwn = last?.element.name === name
    if (isOwn && last.name !== null) tag.name = last.name
    for (const changes of changed) {
      if (!changes.keepsContent) this.#hidden--
      this.#put(...changes.appended)
      // What stays hidden shows no insertions either.
      await run(changes.endHandlers, () => new EndTag(this.#hidden === 0 ? tag : new EndTagChanges(name)))
    }
    this.#put(...tag.before)
    if (!tag.isRemoved && !(isOwn && last.isRemoved)) this.#put(tag.name === name ? raw : `</${tag.name}>`)
    else if (tag.replacement !== null) this.#put(tag.replacement)
    this.#put(...tag.after)
    for (const changes of changed) this.#put(...changes.after)
  }
}

/** So many pieces are held before they are passed on. */
const maxPieces = 512

type Named<Name extends string> = { readonly [Key in Name]?: Handler | undefined }

function handlersOf<Name extends string>(entries: readonly Named<Name>[], name: Name): Handler[] {
  const found: Handler[] = []
  for (const entry of entries) if (entry[name] !== undefined) found.push(entry[name])
  return found
}

/** Calls handlers one after another on one token, which nobody can use afterwards. */
async function run(handlers: readonly Handler[], make: () => object): Promise<void> {
  if (handlers.length === 0) return
  const token = make()
  try {
    for (const handler of handlers) await handler(token)
  } finally {
    endToken(token)
  }
}

function startTag({ name, element, attributes }: ElementChanges, raw: string, isSelfClosing: boolean): string {
  const parts = attributes.map(
    (attribute) => ` ${attribute.raw ?? `${attribute.name}="${attribute.value.replaceAll('"', "&quot;")}"`}`,
  )
  const end = isSelfClosing ? (parts.length === 0 ? "/>" : " />") : ">"
  return `<${name ?? raw.slice(1, 1 + element.name.length)}${parts.join("")}${end}`
}

/** Joins text; streams are read to their end. */
async function* pieces(content: readonly Content[]): AsyncGenerator<string> {
  let text = ""
  for (const piece of content) {
    if (typeof piece === "string") {
      text += piece
      continue
    }
    if (text !== "") yield text
    text = ""
    yield* streamText(piece.stream.getReader(), piece.isHtml)
  }
  if (text !== "") yield text
}

async function* streamText(
  reader: ReturnType<Exclude<Content, string>["stream"]["getReader"]>,
  isHtml: boolean,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  const shown = (text: string): string => (isHtml ? text : escapeText(text))
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    if (typeof value === "string") yield shown(value)
    else yield shown(decoder.decode(value as Uint8Array, { stream: true }))
  }
  const rest = decoder.decode()
  if (rest !== "") yield shown(rest)
}
