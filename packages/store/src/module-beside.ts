/** The address of a module in the same folder as the caller's, from sources as from what was built: `moduleBeside("procedures", import.meta.url)`. */
export function moduleBeside(name: string, callerUrl: string): string {
  // Only import specifiers are rewritten by the compiler; addresses are not.
  return new URL(`./${name}.${callerUrl.endsWith(".ts") ? "ts" : "js"}`, callerUrl).href
}
