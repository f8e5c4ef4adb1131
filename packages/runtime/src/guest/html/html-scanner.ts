import { Tokenizer } from "htmlparser2"
import type { ElementTree } from "./element-tree.ts"
import type { Attribute, OpenElement } from "./open-element.ts"

/** A piece of the document. `raw` is how it was written; all of them together are the document. */
export type HtmlToken =
  | { readonly kind: "raw"; readonly raw: string }
  | { readonly kind: "text"; readonly raw: string; readonly parent: OpenElement }
  /** No more of the text that came last. */
  | { readonly kind: "text-end"; readonly parent: OpenElement }
  | { readonly kind: "comment"; readonly raw: string; readonly text: string; readonly parent: OpenElement }
  | { readonly kind: "doctype"; readonly raw: string; readonly text: string }
  | {
      readonly kind: "open"
      readonly raw: string
      readonly name: string
      readonly element: OpenElement
      readonly hasContent: boolean
      readonly isSelfClosing: boolean
    }
  | { readonly kind: "close"; readonly raw: string; readonly name: string; readonly closed: readonly OpenElement[] }

interface AttributeInProgress {
  readonly nameStart: number
  readonly nameEnd: number
  valueStart: number
  valueEnd: number
}

/** Fields of the tokenizer that its types keep private. The version is exact, and html-scanner.test.ts pins what is used. */
interface TokenizerState {
  isSpecial: boolean
  currentSequence: Uint8Array
  state: number
  stateBeforeDeclaration(character: number): void
}

const inSpecialComment = 21
const openingBracket = 0x5b
const noscriptEnd = Uint8Array.from("</noscript", (character) => character.charCodeAt(0))

/** Cuts a document into tokens as it comes. Positions are those in the whole document. */
export class HtmlScanner {
  readonly #tree: ElementTree
  readonly #tokenizer: Tokenizer
  #tokens: HtmlToken[] = []
  /** What is not in tokens yet, and where it starts. */
  #source = ""
  #cursor = 0
  #isInText = false
  #name = ""
  #attributes: Attribute[] = []
  #attribute: AttributeInProgress | null = null
  /** The name of an end tag whose ">" has not been found. */
  #closing: { readonly name: string; readonly end: number } | null = null

  constructor(tree: ElementTree) {
    this.#tree = tree
    this.#tokenizer = new Tokenizer({ decodeEntities: false }, this.#callbacks())
    const state = this.#tokenizer as unknown as TokenizerState
    const before = state.stateBeforeDeclaration.bind(state)
    // Outside of svg and math there are no CDATA sections, only comments that look like them and end at the next ">".
    state.stateBeforeDeclaration = (character) => {
      if (character === openingBracket && !this.#isForeign()) state.state = inSpecialComment
      else before(character)
    }
  }

  write(text: string): HtmlToken[] {
    this.#source += text
    this.#tokenizer.write(text)
    this.#finishClosing()
    return this.#take()
  }

  end(): HtmlToken[] {
    this.#tokenizer.end()
    this.#finishClosing()
    this.#rawUntil(this.#cursor + this.#source.length)
    this.#endText()
    return this.#take()
  }

  #take(): HtmlToken[] {
    const tokens = this.#tokens
    this.#tokens = []
    return tokens
  }

  #callbacks(): ConstructorParameters<typeof Tokenizer>[1] {
    return {
      ontext: (start, end) => this.#text(start, end),
      onopentagname: (start, end) => this.#openName(start, end),
      onattribname: (nameStart, nameEnd) => {
        this.#attribute = { nameStart, nameEnd, valueStart: nameEnd, valueEnd: nameEnd }
      },
      onattribdata: (start, end) => this.#attributeData(start, end),
      onattribend: (_, end) => this.#attributeEnd(end),
      onopentagend: (end) => this.#open(end, false),
      onselfclosingtag: (end) => this.#open(end, true),
      onclosetag: (start, end) => this.#close(start, end),
      oncomment: (start, end, offset) => this.#comment(start, end - offset, end),
      ondeclaration: (start, end) => this.#doctype(start, end),
      oncdata: (start, end, offset) => this.#cdata(start, end - offset, end),
      onprocessinginstruction() {},
      onattribentity() {},
      ontextentity() {},
      onend() {},
      isInForeignContext: () => this.#isForeign(),
    }
  }

  #slice(start: number, end: number): string {
    return this.#source.slice(start - this.#cursor, end - this.#cursor)
  }

  /** Takes the source up to `end` out. */
  #consume(end: number): string {
    const raw = this.#slice(this.#cursor, end)
    this.#source = this.#source.slice(raw.length)
    this.#cursor += raw.length
    return raw
  }

  #push(token: HtmlToken): void {
    this.#tokens.push(token)
  }

  #rawUntil(end: number): void {
    if (end <= this.#cursor) return
    this.#endText()
    this.#push({ kind: "raw", raw: this.#consume(end) })
  }

  #isForeign(): boolean {
    this.#finishClosing()
    return this.#tree.isForeign
  }

  /** The tokenizer passes over `</>` in silence. */
  #rawEmptyTags(): void {
    while (this.#source.startsWith("</>")) this.#rawUntil(this.#cursor + 3)
  }

  #endText(): void {
    if (!this.#isInText) return
    this.#isInText = false
    this.#push({ kind: "text-end", parent: this.#tree.current })
  }

  #text(start: number, end: number): void {
    this.#finishClosing()
    this.#rawUntil(start)
    this.#isInText = true
    this.#push({ kind: "text", raw: this.#consume(end), parent: this.#tree.current })
  }

  #openName(start: number, end: number): void {
    this.#finishClosing()
    this.#rawUntil(start - 1)
    this.#endText()
    this.#name = this.#slice(start, end).toLowerCase()
    this.#attributes = []
    if (this.#name !== "noscript" || this.#tree.isForeign) return
    // As where scripts run: its content is text.
    Object.assign(this.#tokenizer as unknown as TokenizerState, { isSpecial: true, currentSequence: noscriptEnd })
  }

  #attributeData(start: number, end: number): void {
    const attribute = this.#attribute
    if (attribute === null) return
    if (attribute.valueStart === attribute.nameEnd) attribute.valueStart = start
    attribute.valueEnd = end
  }

  #attributeEnd(end: number): void {
    const attribute = this.#attribute
    if (attribute === null) return
    this.#attributes.push({
      name: this.#slice(attribute.nameStart, attribute.nameEnd).toLowerCase(),
      value: this.#slice(attribute.valueStart, attribute.valueEnd),
      raw: this.#slice(attribute.nameStart, end),
    })
    this.#attribute = null
  }

  #open(end: number, hasSlash: boolean): void {
    const raw = this.#consume(end + 1)
    const isSelfClosing = hasSlash && raw.endsWith("/>")
    const [element, hasContent] = this.#tree.open(this.#name, this.#attributes, isSelfClosing)
    this.#push({ kind: "open", raw, name: this.#name, element, hasContent, isSelfClosing })
  }

  #close(start: number, end: number): void {
    this.#finishClosing()
    this.#rawUntil(start - 2)
    this.#closing = { name: this.#slice(start, end), end }
  }

  /** The tokenizer tells of an end tag's name, but not of its ">". */
  #finishClosing(): void {
    if (this.#closing === null) return
    const { name, end } = this.#closing
    const close = this.#source.indexOf(">", end - this.#cursor)
    if (close === -1) return
    this.#closing = null
    this.#endText()
    const raw = this.#consume(this.#cursor + close + 1)
    this.#push({ kind: "close", raw, name: name.toLowerCase(), closed: this.#tree.close(name.toLowerCase()) })
  }

  #comment(start: number, textEnd: number, end: number): void {
    this.#finishClosing()
    this.#rawEmptyTags()
    this.#endText()
    const text = this.#slice(start, Math.max(start, textEnd))
    this.#push({ kind: "comment", raw: this.#consume(end + 1), text, parent: this.#tree.current })
  }

  #doctype(start: number, end: number): void {
    this.#finishClosing()
    this.#rawEmptyTags()
    this.#endText()
    const text = this.#slice(start, end)
    this.#push({ kind: "doctype", raw: this.#consume(end + 1), text })
  }

  #cdata(start: number, textEnd: number, end: number): void {
    this.#finishClosing()
    this.#rawUntil(start)
    if (textEnd > start) this.#text(start, textEnd)
    this.#rawUntil(end + 1)
  }
}
