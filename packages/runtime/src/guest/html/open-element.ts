import type { Handlers } from "./handlers.ts"

export type Namespace = "html" | "svg" | "math"

export interface Attribute {
  /** In lower case. */
  readonly name: string
  /** As written: references are not decoded. */
  readonly value: string
  /** The whole attribute as written; null for one that a handler has set. */
  readonly raw: string | null
}

/** An element whose start tag has been seen. Kept while it is open, and as long as a handler's token needs it. */
export class OpenElement {
  readonly name: string
  readonly namespace: Namespace
  readonly attributes: readonly Attribute[]
  readonly parent: OpenElement
  /** Its place among its parent's elements, and among those of its name; from 1. */
  readonly index: number
  readonly indexOfType: number
  /** What its children are in. */
  childNamespace: Namespace
  #children = 0
  #childrenOfType: Map<string, number> | undefined
  /** What concerns text and comments in it. */
  inherited: Handlers

  constructor(
    parent: OpenElement | null,
    name: string,
    namespace: Namespace,
    attributes: readonly Attribute[],
    inherited: Handlers,
  ) {
    this.name = name
    this.namespace = namespace
    this.attributes = attributes
    this.parent = parent ?? this
    this.index = parent === null ? 0 : ++parent.#children
    this.indexOfType = parent === null ? 0 : parent.#countType(name)
    this.childNamespace = childNamespaceOf(this)
    this.inherited = inherited
  }

  get isRoot(): boolean {
    return this.parent === this
  }

  attribute(name: string): string | undefined {
    return this.attributes.find((attribute) => attribute.name === name)?.value
  }

  #countType(name: string): number {
    this.#childrenOfType ??= new Map()
    const count = (this.#childrenOfType.get(name) ?? 0) + 1
    this.#childrenOfType.set(name, count)
    return count
  }
}

const svgHtmlPoints = new Set(["foreignobject", "desc", "title"])
const mathTextPoints = new Set(["mi", "mo", "mn", "ms", "mtext"])
const htmlEncodings = new Set(["text/html", "application/xhtml+xml"])

/** https://html.spec.whatwg.org/#html-integration-point */
function childNamespaceOf({ name, namespace, attributes }: OpenElement): Namespace {
  if (namespace === "svg") return svgHtmlPoints.has(name) ? "html" : "svg"
  if (namespace === "html") return "html"
  if (mathTextPoints.has(name)) return "html"
  const encoding = attributes.find((attribute) => attribute.name === "encoding")?.value ?? ""
  return name === "annotation-xml" && htmlEncodings.has(encoding.toLowerCase()) ? "html" : "math"
}
