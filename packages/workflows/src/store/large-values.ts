import { MayflyError } from "@mayfly/protocol"
import type { Blobs } from "@mayfly/store"
import type { NewRow } from "../core/journal.ts"
import type { Change } from "../core/ports.ts"
import { hashOf, isReference, referenceTo } from "./reference.ts"
import type { Spawn } from "./stored.ts"
import type { NewInstance } from "./workflow-store.ts"

/** Longer texts lie beside the rows, so that looking through a table stays quick. */
const maxInline = 16_384

/** Puts large values into blobs and brings them back. */
export class LargeValues {
  readonly #blobs: Blobs

  constructor(blobs: Blobs) {
    this.#blobs = blobs
  }

  /** The same with large values replaced, and the blobs that the rows must keep. */
  async spillChange(change: Change): Promise<{ change: Change; blobs: readonly string[] }> {
    const kept: string[] = []
    const spill = async (value: string): Promise<string> => this.#spill(value, kept)
    const rows = await Promise.all(change.rows.map((row) => spillRow(row, spill)))
    const spawn = await Promise.all(
      ((change.spawn ?? []) as readonly Spawn[]).map(async (one) => ({
        ...one,
        start: { ...one.start, params: await spill(one.start.params) },
      })),
    )
    let { then } = change
    if (then !== undefined && "finish" in then) {
      const { finish } = then
      then = {
        finish:
          finish.status === "complete"
            ? { ...finish, value: await spill(finish.value) }
            : { ...finish, failure: await spill(finish.failure) },
      }
    }
    return { change: { ...change, rows, spawn, ...(then && { then }) }, blobs: kept }
  }

  async spillInstance(instance: NewInstance): Promise<{ instance: NewInstance; blobs: readonly string[] }> {
    const kept: string[] = []
    const params = await this.#spill(instance.params, kept)
    const body = await this.#spill(instance.definition.body, kept)
    return { instance: { ...instance, params, definition: { ...instance.definition, body } }, blobs: kept }
  }

  async spillText(text: string): Promise<{ text: string; blobs: readonly string[] }> {
    const kept: string[] = []
    return { text: await this.#spill(text, kept), blobs: kept }
  }

  async load(value: string): Promise<string> {
    if (!isReference(value)) return value
    const bytes = await this.#blobs.get(hashOf(value))
    if (bytes === null) throw new MayflyError("store.corrupt", "a large value of a workflow is missing")
    return new TextDecoder().decode(bytes)
  }

  async loadRow<Row extends NewRow>(row: Row): Promise<Row> {
    const { value, detail } = row
    if ((value === undefined || !isReference(value)) && (detail === undefined || !isReference(detail))) return row
    return {
      ...row,
      ...(value !== undefined && { value: await this.load(value) }),
      ...(detail !== undefined && { detail: await this.load(detail) }),
    }
  }

  async #spill(value: string, kept: string[]): Promise<string> {
    if (isReference(value)) {
      kept.push(hashOf(value))
      return value
    }
    if (value.length <= maxInline) return value
    const hash = await this.#blobs.put(new TextEncoder().encode(value))
    kept.push(hash)
    return referenceTo(hash)
  }
}

async function spillRow(row: NewRow, spill: (value: string) => Promise<string>): Promise<NewRow> {
  return {
    ...row,
    ...(row.value !== undefined && { value: await spill(row.value) }),
    ...(row.detail !== undefined && { detail: await spill(row.detail) }),
  }
}

/** Most commits have none; they must not wait a turn. */
export function isLarge({ rows, spawn, then }: Change): boolean {
  const is = (text: string | undefined): boolean => text !== undefined && (text.length > maxInline || isReference(text))
  if (rows.some(({ value, detail }) => is(value) || is(detail))) return true
  if (((spawn ?? []) as readonly Spawn[]).some(({ start }) => is(start.params))) return true
  if (then === undefined || !("finish" in then)) return false
  return is(then.finish.status === "complete" ? then.finish.value : then.finish.failure)
}
