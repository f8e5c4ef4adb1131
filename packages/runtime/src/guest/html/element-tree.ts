import { noHandlers } from "./handlers.ts"
import { type Attribute, type Namespace, OpenElement } from "./open-element.ts"

const voidElements = new Set(
  "area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr".split(" "),
)

/** Start tags that end svg and math: https://html.spec.whatwg.org/#parsing-main-inforeign */
const breakouts = new Set(
  (
    "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta nobr ol p pre ruby s " +
    "small span strong strike sub sup table tt u ul var"
  ).split(" "),
)
const fontBreakouts = new Set(["color", "face", "size"])

/** The elements that are open while tags are read, without a tree builder's repairs: an end tag closes up to its start tag. */
export class ElementTree {
  #current = new OpenElement(null, "", "html", [], noHandlers)

  get current(): OpenElement {
    return this.#current
  }

  get isForeign(): boolean {
    return this.#current.childNamespace !== "html"
  }

  /** The new element, and whether it can have content. */
  open(name: string, attributes: readonly Attribute[], isSelfClosing: boolean): [OpenElement, hasContent: boolean] {
    if (this.isForeign && breaksOut(name, attributes)) this.#leaveForeign()
    const namespace = this.#namespaceOf(name)
    const { inherited } = this.#current
    const element = new OpenElement(this.#current, name, namespace, attributes, inherited)
    const hasContent = namespace === "html" ? !voidElements.has(name) : !isSelfClosing
    if (hasContent) this.#current = element
    return [element, hasContent]
  }

  /** The elements that an end tag closes, innermost first; none when there is no such element. */
  close(name: string): OpenElement[] {
    const closed: OpenElement[] = []
    for (let at = this.#current; !at.isRoot; at = at.parent) {
      closed.push(at)
      if (at.name !== name) continue
      this.#current = at.parent
      return closed
    }
    return []
  }

  #namespaceOf(name: string): Namespace {
    if (this.isForeign) return this.#current.childNamespace
    return name === "svg" || name === "math" ? name : "html"
  }

  #leaveForeign(): void {
    for (let at = this.#current; at.childNamespace !== "html"; at = at.parent) at.childNamespace = "html"
  }
}

function breaksOut(name: string, attributes: readonly Attribute[]): boolean {
  return breakouts.has(name) || (name === "font" && attributes.some((attribute) => fontBreakouts.has(attribute.name)))
}
