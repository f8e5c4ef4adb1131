/** Cycles of a directed graph, each as the nodes on it in order. Empty exactly when there is none; not every cycle is listed. */
export function findCycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const state = new Map<string, "open" | "done">()
  const path: string[] = []
  const cycles: string[][] = []

  const visit = (node: string): void => {
    state.set(node, "open")
    path.push(node)
    for (const next of graph.get(node) ?? []) {
      if (state.get(next) === "open") cycles.push(path.slice(path.indexOf(next)))
      else if (!state.has(next)) visit(next)
    }
    path.pop()
    state.set(node, "done")
  }

  for (const node of graph.keys()) if (!state.has(node)) visit(node)
  return cycles
}
