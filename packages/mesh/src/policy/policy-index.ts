import type { Target } from "./canonical-target.ts"
import { crossesPublicSuffix, type OriginPattern } from "./origin-pattern.ts"
import type { Policy, PolicyRule } from "./parse-policy.ts"

/** Finds what a policy says about an origin without looking at every rule. */
export interface PolicyIndex {
  /** The first denied pattern that covers the origin. */
  denied(target: Target): OriginPattern | null
  /** Rules that speak about the origin: exact ones, then wildcards from the longest, then those for any host. */
  rules(target: Target): readonly PolicyRule[]
}

const indexes = new WeakMap<Policy, PolicyIndex>()

/** The index of a policy, made once. */
export function indexPolicy(policy: Policy): PolicyIndex {
  let index = indexes.get(policy)
  if (index === undefined) indexes.set(policy, (index = createIndex(policy)))
  return index
}

function createIndex({ rules, denied, allowAll }: Policy): PolicyIndex {
  const allowing = tableOf(rules, ({ pattern }) => pattern)
  const denying = tableOf(denied, (pattern) => pattern)
  return {
    denied: (target) => find(denying, target, { stopsAtSuffix: false })[0] ?? denying.everywhere[0] ?? null,
    rules: (target) => {
      const found = find(allowing, target, { stopsAtSuffix: !allowAll })
      // "*" stands for web origins; a raw connection is always named.
      return isWeb(target) && allowing.everywhere.length > 0 ? [...found, ...allowing.everywhere] : found
    },
  }
}

interface Table<T> {
  readonly exact: ReadonlyMap<string, readonly T[]>
  /** By scheme, port and suffix. */
  readonly subdomains: ReadonlyMap<string, readonly T[]>
  /** By scheme. */
  readonly any: ReadonlyMap<string, readonly T[]>
  readonly everywhere: readonly T[]
}

function tableOf<T>(items: readonly T[], patternOf: (item: T) => OriginPattern): Table<T> {
  const exact = new Map<string, T[]>()
  const subdomains = new Map<string, T[]>()
  const any = new Map<string, T[]>()
  const everywhere: T[] = []
  for (const item of items) {
    const pattern = patternOf(item)
    if (pattern.kind === "exact") add(exact, pattern.origin, item)
    else if (pattern.kind === "subdomains") add(subdomains, keyOf(pattern, pattern.suffix), item)
    else if (pattern.scheme === null) everywhere.push(item)
    else add(any, pattern.scheme, item)
  }
  return { exact, subdomains, any, everywhere }
}

function add<T>(map: Map<string, T[]>, key: string, item: T): void {
  const items = map.get(key)
  if (items === undefined) map.set(key, [item])
  else items.push(item)
}

const none: readonly never[] = []

function find<T>(table: Table<T>, target: Target, { stopsAtSuffix }: { stopsAtSuffix: boolean }): readonly T[] {
  let found: readonly T[] = table.exact.get(target.origin) ?? none
  if (table.subdomains.size > 0) {
    const below = suffixMatches(table.subdomains, target, stopsAtSuffix)
    if (below.length > 0) found = [...found, ...below]
  }
  const any = table.any.get(target.scheme)
  return any === undefined ? found : [...found, ...any]
}

/** An address has no subdomains: its numbers are not labels, and no wildcard can end in one. */
function suffixMatches<T>(table: ReadonlyMap<string, readonly T[]>, target: Target, stopsAtSuffix: boolean): T[] {
  const found: T[] = []
  const { host } = target
  for (let dot = host.indexOf("."); dot !== -1; dot = host.indexOf(".", dot + 1)) {
    const suffix = host.slice(dot + 1)
    const items = table.get(keyOf(target, suffix))
    if (items === undefined || (stopsAtSuffix && crossesPublicSuffix(suffix, host))) continue
    found.push(...items)
  }
  return found
}

function keyOf({ scheme, port }: { readonly scheme: string; readonly port: number }, suffix: string): string {
  return `${scheme}:${port}:${suffix}`
}

function isWeb({ scheme }: Target): boolean {
  return scheme === "http" || scheme === "https"
}
