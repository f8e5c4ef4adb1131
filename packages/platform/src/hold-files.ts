import type { Runtime } from "@mayfly/runtime"
import type { Sandboxes } from "@mayfly/sandbox"

/** What stays as it is on disk until this is disposed. */
export interface HeldFiles extends AsyncDisposable {
  /** Of those that were asked for; what is not among them is nobody's, or has gone. */
  readonly paths: readonly string[]
}

export interface FileHolders {
  readonly sandboxes: Pick<Sandboxes, "hold">
  readonly objects: Pick<Runtime["objects"], "hold">
}

const sandboxFolder = /^sandboxes\/(?:docker\/|virtual\/)?boxes\/([\w-]{1,100})$/
const database = /^objects\/([0-9a-f]{1,64}\/[0-9a-f]{1,64}\.sqlite)$/

/**
 * Keeps parts of a data directory still while somebody copies them: folders of sandboxes and databases of objects, named relative to the directory. What uses
 * them waits. Rejects with `sandbox.unsupported` for a provider that can't.
 */
export async function holdFiles(paths: readonly string[], { sandboxes, objects }: FileHolders): Promise<HeldFiles> {
  await using holding = new AsyncDisposableStack()
  const databases: string[] = []
  const found: string[] = []
  // In one order, so that two that hold never wait for each other.
  for (const path of [...new Set(paths)].sort()) {
    const name = database.exec(path)?.[1]
    if (name !== undefined) databases.push(name)
    const key = sandboxFolder.exec(path)?.[1]
    const sandbox = key === undefined ? undefined : await sandboxes.hold(key)
    if (sandbox !== undefined) holding.use(sandbox)
    if (name !== undefined || sandbox !== undefined) found.push(path)
  }
  holding.use(await objects.hold(databases))
  const held = holding.move()
  return { paths: found, [Symbol.asyncDispose]: () => held.disposeAsync() }
}
