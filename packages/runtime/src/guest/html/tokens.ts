import { type Content, contentOf } from "./content.ts"
import type { DocumentEntry, Handler } from "./handlers.ts"
import type { Attribute, OpenElement } from "./open-element.ts"

/** What handlers have done to a token. */
export class Changes {
  before: Content[] = []
  after: Content[] = []
  replacement: Content | null = null
  isRemoved = false
}

const invalid =
  "This content token is no longer valid. Content tokens are only valid during the execution of the relevant content handler."

/** The parts that all tokens have. A token is usable only while its handlers run. */
abstract class ContentToken<State extends Changes> {
  #state: State | null

  constructor(state: State) {
    this.#state = state
  }

  static end(token: ContentToken<Changes>): void {
    token.#state = null
  }

  protected static of<Of extends Changes>(token: ContentToken<Of>): Of {
    if (token.#state === null) throw new TypeError(invalid)
    return token.#state
  }
}

/** Lets nobody use the token any more. */
export const endToken = (token: object): void => ContentToken.end(token as ContentToken<Changes>)

abstract class RemovableToken<State extends Changes> extends ContentToken<State> {
  before(content: unknown, options?: unknown): this {
    ContentToken.of(this).before.push(contentOf(content, options))
    return this
  }

  after(content: unknown, options?: unknown): this {
    ContentToken.of(this).after.unshift(contentOf(content, options))
    return this
  }

  replace(content: unknown, options?: unknown): this {
    const state = ContentToken.of(this)
    state.isRemoved = true
    state.replacement = contentOf(content, options)
    return this
  }

  remove(): this {
    ContentToken.of(this).isRemoved = true
    return this
  }

  get removed(): boolean {
    return ContentToken.of(this).isRemoved
  }
}

export class TextChanges extends Changes {
  readonly text: string
  readonly isLast: boolean

  constructor(text: string, isLast: boolean) {
    super()
    this.text = text
    this.isLast = isLast
  }
}

export class Text extends RemovableToken<TextChanges> {
  get text(): string {
    return ContentToken.of(this).text
  }
  get lastInTextNode(): boolean {
    return ContentToken.of(this).isLast
  }
}

export class CommentChanges extends Changes {
  text: string
  isChanged = false

  constructor(text: string) {
    super()
    this.text = text
  }
}

export class Comment extends RemovableToken<CommentChanges> {
  get text(): string {
    return ContentToken.of(this).text
  }
  set text(value: unknown) {
    const text = `${value as string}`
    if (text.includes("-->"))
      throw new TypeError("Parser error: Comment text shouldn't contain comment closing sequence (`-->`).")
    const state = ContentToken.of(this)
    state.text = text
    state.isChanged = true
  }
}

export class EndTagChanges extends Changes {
  name: string

  constructor(name: string) {
    super()
    this.name = name
  }
}

export class EndTag extends RemovableToken<EndTagChanges> {
  get name(): string {
    return ContentToken.of(this).name.toLowerCase()
  }
  set name(value: unknown) {
    ContentToken.of(this).name = tagNameOf(value)
  }
}

const namespaces = {
  html: "http://www.w3.org/1999/xhtml",
  svg: "http://www.w3.org/2000/svg",
  math: "http://www.w3.org/1998/Math/MathML",
}

export class ElementChanges extends Changes {
  readonly element: OpenElement
  readonly hasContent: boolean
  /** As written, or as a handler gave it; null when that is as it was. */
  name: string | null = null
  attributes: readonly Attribute[]
  isTagChanged = false
  /** At the start and at the end of its content. */
  prepended: Content[] = []
  appended: Content[] = []
  keepsContent = true
  readonly endHandlers: Handler[] = []

  constructor(element: OpenElement, hasContent: boolean) {
    super()
    this.element = element
    this.hasContent = hasContent
    this.attributes = element.attributes
  }
}

export class Element extends RemovableToken<ElementChanges> {
  get tagName(): string {
    const { name, element } = ContentToken.of(this)
    return name?.toLowerCase() ?? element.name
  }
  set tagName(value: unknown) {
    const state = ContentToken.of(this)
    state.name = tagNameOf(value)
    state.isTagChanged = true
  }

  get namespaceURI(): string {
    return namespaces[ContentToken.of(this).element.namespace]
  }

  get attributes(): IterableIterator<[string, string]> {
    return ContentToken.of(this)
      .attributes.map(({ name, value }): [string, string] => [name, value])
      .values()
  }

  getAttribute(name: unknown): string | null {
    return this.#find(name)?.value ?? null
  }

  hasAttribute(name: unknown): boolean {
    return this.#find(name) !== undefined
  }

  setAttribute(name: unknown, value: unknown): this {
    const state = ContentToken.of(this)
    const attribute = { name: attributeNameOf(name), value: `${value as string}`, raw: null }
    const at = state.attributes.findIndex((each) => each.name === attribute.name)
    state.attributes = at === -1 ? [...state.attributes, attribute] : state.attributes.with(at, attribute)
    state.isTagChanged = true
    return this
  }

  removeAttribute(name: unknown): this {
    const state = ContentToken.of(this)
    const key = `${name as string}`.toLowerCase()
    const at = state.attributes.findIndex((each) => each.name === key)
    if (at === -1) return this
    state.attributes = state.attributes.toSpliced(at, 1)
    state.isTagChanged = true
    return this
  }

  prepend(content: unknown, options?: unknown): this {
    ContentToken.of(this).prepended.unshift(contentOf(content, options))
    return this
  }

  append(content: unknown, options?: unknown): this {
    ContentToken.of(this).appended.push(contentOf(content, options))
    return this
  }

  setInnerContent(content: unknown, options?: unknown): this {
    const state = ContentToken.of(this)
    state.keepsContent = false
    state.prepended = [contentOf(content, options)]
    state.appended = []
    return this
  }

  override replace(content: unknown, options?: unknown): this {
    this.#emptyOut()
    return super.replace(content, options)
  }

  override remove(): this {
    this.#emptyOut()
    return super.remove()
  }

  removeAndKeepContent(): this {
    ContentToken.of(this).isRemoved = true
    return this
  }

  #emptyOut(): void {
    Object.assign(ContentToken.of(this), { keepsContent: false, prepended: [], appended: [] })
  }

  onEndTag(handler: unknown): void {
    const state = ContentToken.of(this)
    if (typeof handler !== "function") throw new TypeError("onEndTag: the handler is not a function")
    if (!state.hasContent) throw new TypeError("Parser error: No end tag.")
    state.endHandlers.push(handler as Handler)
  }

  #find(name: unknown): Attribute | undefined {
    const key = `${name as string}`.toLowerCase()
    return ContentToken.of(this).attributes.find((attribute) => attribute.name === key)
  }
}

export class DoctypeChanges extends Changes {
  readonly text: string

  constructor(text: string) {
    super()
    this.text = text
  }
}

const doctype =
  /^doctype[\t\n\f\r ]*([^\t\n\f\r >]*)[\t\n\f\r ]*(?:(public|system)[\t\n\f\r ]*("[^"]*"|'[^']*')?[\t\n\f\r ]*("[^"]*"|'[^']*')?)?/i

export class Doctype extends ContentToken<DoctypeChanges> {
  get name(): string | null {
    return this.#parts().name?.toLowerCase() || null
  }
  get publicId(): string | null {
    return this.#parts().publicId
  }
  get systemId(): string | null {
    return this.#parts().systemId
  }

  #parts(): { name: string | undefined; publicId: string | null; systemId: string | null } {
    const [, name, keyword, first, second] = doctype.exec(ContentToken.of(this).text) ?? []
    const [one, two] = [first?.slice(1, -1) ?? null, second?.slice(1, -1) ?? null]
    const isPublic = keyword?.toLowerCase() === "public"
    return { name, publicId: isPublic ? one : null, systemId: isPublic ? two : one }
  }
}

export class DocumentEnd extends ContentToken<Changes> {
  append(content: unknown, options?: unknown): this {
    ContentToken.of(this).before.push(contentOf(content, options))
    return this
  }
}

export type DocumentHandlerName = keyof DocumentEntry

const forbiddenInName = /[\t\n\f\r />=]/

function attributeNameOf(value: unknown): string {
  const name = `${value as string}`
  if (name === "") throw new TypeError("Parser error: Attribute name can't be empty.")
  const forbidden = forbiddenInName.exec(name)
  if (forbidden !== null)
    throw new TypeError(`Parser error: \`${forbidden[0]}\` character is forbidden in the attribute name`)
  return name.toLowerCase()
}

function tagNameOf(value: unknown): string {
  const name = `${value as string}`
  if (name === "") throw new TypeError("Parser error: Tag name can't be empty.")
  if (!/^[a-z]/i.test(name))
    throw new TypeError("Parser error: The first character of the tag name should be an ASCII alphabetical character.")
  const forbidden = /[\t\n\f\r />]/.exec(name)
  if (forbidden !== null)
    throw new TypeError(`Parser error: \`${forbidden[0]}\` character is forbidden in the tag name`)
  return name
}
