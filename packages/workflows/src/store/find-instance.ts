import { MayflyError } from "@mayfly/protocol"
import { first, type Steps } from "@mayfly/store/steps"
import type { StoredInstance } from "./stored.ts"

export function* findByIdMaybe(tenant: string, id: string): Steps<StoredInstance | undefined> {
  return yield* first<StoredInstance>("SELECT * FROM workflows_instances WHERE tenant = ? AND id = ?", tenant, id)
}

export function* findById(tenant: string, id: string): Steps<StoredInstance> {
  const row = yield* findByIdMaybe(tenant, id)
  if (row !== undefined) return row
  throw new MayflyError("workflow.not-found", `there is no workflow instance "${id}"`, { details: { id } })
}

export function ended({ id, status }: StoredInstance): MayflyError {
  return new MayflyError("workflow.ended", `the workflow instance "${id}" has ended: it is ${status}`, {
    details: { id, status },
  })
}
