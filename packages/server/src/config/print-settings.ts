import type { EffectiveSettings } from "./read-settings.ts"
import { settingList } from "./setting-list.ts"

export interface PrintedSetting {
  readonly name: string
  /** Secrets are "***". */
  readonly value: unknown
  readonly source: string
  /** What it means that nobody set it, where there is no default value. */
  readonly otherwise?: string
}

/** What is in force and where it came from, without secrets. */
export function printedSettings({ settings, sources }: EffectiveSettings): PrintedSetting[] {
  return settingList.map(({ name, secret, otherwise }) => {
    const value = valueOf(settings, name)
    const isUnset = value === undefined && otherwise !== undefined
    return {
      name,
      value: shown(value, secret === true),
      source: sources.get(name) ?? "default",
      ...(isUnset ? { otherwise: otherwise.replaceAll("`", "") } : {}),
    }
  })
}

function shown(value: unknown, isSecret: boolean): unknown {
  if (value === undefined) return null
  if (!isSecret)
    return typeof value === "string"
      ? withoutPassword(value)
      : Array.isArray(value)
        ? value.map((one) => withoutPassword(String(one)))
        : value
  if (typeof value !== "object" || value === null) return "***"
  return Object.fromEntries(Object.keys(value).map((key) => [key, "***"]))
}

/** Addresses may hold a credential. */
function withoutPassword(text: string): string {
  // Up to the last @ before the path: passwords with one in them are common, and wrong.
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, "$1***@")
}

function valueOf(settings: object, name: string): unknown {
  return name
    .split(".")
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], settings)
}
