import { type AttributeSelector, parse, type PseudoSelector, type Selector } from "css-what"
import type { OpenElement } from "./open-element.ts"

export type Matcher = (element: OpenElement) => boolean

/** A rule that an element fits; `isChild` says how the part to its left is meant. */
interface Step {
  readonly matches: Matcher
  readonly isChild: boolean
}

/** A test for open elements, of the selectors that a stream can answer. Throws a TypeError for any other. */
export function compileSelector(selector: string): Matcher {
  if (selector.trim() === "") throw new TypeError("Parser error: The selector is empty.")
  let parsed: Selector[][]
  try {
    parsed = parse(selector)
  } catch (error) {
    throw new TypeError(`Parser error: ${(error as Error).message}`, { cause: error })
  }
  return anyOf(parsed)
}

function anyOf(selectors: readonly Selector[][]): Matcher {
  const matchers = selectors.map(compileComplex)
  return (element) => matchers.some((matches) => matches(element))
}

function compileComplex(tokens: readonly Selector[]): Matcher {
  const steps: Step[] = []
  let compound: Matcher[] = []
  let isChild = false
  for (const token of tokens) {
    if (token.type !== "child" && token.type !== "descendant") {
      compound.push(compileSimple(token))
      continue
    }
    steps.push({ matches: allOf(compound), isChild })
    compound = []
    isChild = token.type === "child"
  }
  steps.push({ matches: allOf(compound), isChild })
  return (element) => matchSteps(steps, steps.length - 1, element)
}

function allOf(matchers: readonly Matcher[]): Matcher {
  if (matchers.length === 0) throw new TypeError("Parser error: The selector has a dangling combinator.")
  return (element) => matchers.every((matches) => matches(element))
}

function matchSteps(steps: readonly Step[], last: number, element: OpenElement): boolean {
  const step = steps[last] as Step
  if (element.isRoot || !step.matches(element)) return false
  if (last === 0) return true
  if (step.isChild) return matchSteps(steps, last - 1, element.parent)
  for (let at = element.parent; !at.isRoot; at = at.parent) if (matchSteps(steps, last - 1, at)) return true
  return false
}

function compileSimple(token: Selector): Matcher {
  switch (token.type) {
    case "universal":
      return () => true
    case "tag": {
      const name = token.name.toLowerCase()
      return (element) => element.name === name
    }
    case "attribute":
      return compileAttribute(token)
    case "pseudo":
      return compilePseudo(token)
    case "adjacent":
      throw unsupportedCombinator("+")
    case "sibling":
      throw unsupportedCombinator("~")
    default:
      throw new TypeError("Parser error: Unsupported pseudo-class or pseudo-element in selector.")
  }
}

function unsupportedCombinator(sign: string): TypeError {
  return new TypeError(`Parser error: Unsupported combinator \`${sign}\` in selector.`)
}

function compileAttribute({ name: given, action, value: wanted, ignoreCase }: AttributeSelector): Matcher {
  const name = given.toLowerCase()
  if (action === "exists") return (element) => element.attribute(name) !== undefined
  const fold = (text: string): string => (ignoreCase === true ? text.toLowerCase() : text)
  const value = fold(wanted)
  const test = attributeTest(action, value)
  return (element) => {
    const found = element.attribute(name)
    return found !== undefined && test(fold(found))
  }
}

function attributeTest(action: string, value: string): (found: string) => boolean {
  switch (action) {
    case "equals":
      return (found) => found === value
    case "start":
      return (found) => value !== "" && found.startsWith(value)
    case "end":
      return (found) => value !== "" && found.endsWith(value)
    case "any":
      return (found) => value !== "" && found.includes(value)
    case "element":
      return (found) => value !== "" && found.split(/[ \t\n\r\f]+/).includes(value)
    case "hyphen":
      return (found) => found === value || found.startsWith(`${value}-`)
    default:
      throw new TypeError("Parser error: Unsupported attribute operator in selector.")
  }
}

function compilePseudo({ name, data }: PseudoSelector): Matcher {
  if (name === "first-child") return (element) => element.index === 1
  if (name === "first-of-type") return (element) => element.indexOfType === 1
  if (name === "not" && Array.isArray(data)) {
    const matches = anyOf(data)
    return (element) => !matches(element)
  }
  if ((name === "nth-child" || name === "nth-of-type") && typeof data === "string") {
    const fits = compileNth(data)
    return name === "nth-child" ? (element) => fits(element.index) : (element) => fits(element.indexOfType)
  }
  throw new TypeError("Parser error: Unsupported pseudo-class or pseudo-element in selector.")
}

const nth = /^(?:([+-]?\d*)n(?:\s*([+-])\s*(\d+))?|([+-]?\d+))$/

/** An+B: https://www.w3.org/TR/css-syntax-3/#anb-microsyntax */
function compileNth(data: string): (index: number) => boolean {
  const text = data.trim().toLowerCase()
  const formula = text === "even" ? "2n" : text === "odd" ? "2n+1" : text
  const match = nth.exec(formula)
  if (match === null) throw new TypeError("Parser error: Invalid nth expression in selector.")
  const [, factor, sign = "+", offset = "0", alone] = match
  if (alone !== undefined) return (index) => index === Number(alone)
  const a = factor === "" || factor === "+" ? 1 : factor === "-" ? -1 : Number(factor)
  const b = Number(`${sign}${offset}`)
  return (index) => (a === 0 ? index === b : (index - b) % a === 0 && (index - b) / a >= 0)
}
