import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createPlatform, type Facets, type Platform, type PlatformOptions, WorkerLoader } from "@mayfly/platform"

/** A facet's methods, whatever they take and give. */
export type AnyFacet = Record<string, (...args: unknown[]) => Promise<unknown>> & {
  fetch(request: string | Request): Promise<Response>
}

export interface Scene extends AsyncDisposable {
  readonly dataDir: string
  readonly platform: Platform
  /** A facet of `facets` (default: of the parent "p") whose class is `Main` of this text. */
  facet(name: string, body: string, options?: FacetOptions): AnyFacet
}

export interface FacetOptions {
  readonly facets?: Facets
  readonly tenant?: string
  readonly limits?: Record<string, number>
  readonly props?: unknown
  readonly id?: string
  readonly env?: Record<string, unknown>
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "mayfly-test-"))
}

/** A platform with a data directory of its own, gone at the end unless it was given. */
export async function openScene(options: PlatformOptions & { readonly dataDir?: string } = {}): Promise<Scene> {
  const dataDir = options.dataDir ?? temporaryFolder()
  const platform = await createPlatform({ hosts: 1, spare: false, ...options, dataDir })
  return {
    dataDir,
    platform,
    facet: (name, body, given = {}) => makeFacet(platform, name, body, given),
    async [Symbol.asyncDispose]() {
      await platform.dispose()
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

function makeFacet(platform: Platform, name: string, body: string, options: FacetOptions): AnyFacet {
  const { tenant, limits, props, id, env } = options
  const facets = options.facets ?? platform.facets("p", tenant === undefined ? {} : { tenant })
  const loader = new WorkerLoader({ platform, ...(tenant === undefined ? {} : { tenant }) })
  const stub = loader.load({
    mainModule: "main.js",
    modules: { "main.js": classText(body) },
    ...(limits === undefined ? {} : { limits }),
    ...(env === undefined ? {} : { env }),
  })
  const given = stub.getDurableObjectClass("Main", props === undefined ? {} : { props })
  return facets.get(name, () => ({ class: given, ...(id === undefined ? {} : { id }) })) as unknown as AnyFacet
}

export function classText(body: string): string {
  return `import { DurableObject } from "cloudflare:workers"\nexport class Main extends DurableObject {\n${body}\n}`
}

/** SQL from outside, for tests that are about SQL. */
export const sqlBody = `
  sql(query, ...bindings) { return this.ctx.storage.sql.exec(query, ...bindings).toArray() }
  size() { return this.ctx.storage.sql.databaseSize }
`
