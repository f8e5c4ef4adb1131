/** Minifying renames classes and functions, but programs read `response.constructor.name`. */
export function nameClasses<Values extends Record<string, unknown>>(values: Values): Values {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === "function") Object.defineProperty(value, "name", { value: name, configurable: true })
  }
  return values
}
