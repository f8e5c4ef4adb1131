import type { HostFunctions } from "../store/host-functions.ts"
import { encodeFailure, encodePayload, hashOf } from "../define/codec.ts"
import type { WorkflowDefinition } from "../define/definition.ts"
import type { Spawn } from "../store/stored.ts"
import type { Claimed, InstanceRow, NewInstance } from "../store/workflow-store.ts"

interface Child {
  /** The step's name. */
  readonly name: string
  readonly definition: WorkflowDefinition
  readonly params: unknown
  readonly now: number
  /** How many instances that have not ended the tenant may have with it; null: any number. */
  readonly maxOpen: number | null
}

/** The instance that a step of another one starts. Its id comes from the parent's and from what it is: a replay starts the same one. */
export function childOf({ instance }: Claimed, { name, definition, params, now, maxOpen }: Child): Omit<Spawn, "key"> {
  const body = encodePayload(definition, "workflow")
  const encoded = encodePayload(params, "params")
  const hash = hashOf(body)
  const unique = hashOf(String(instance.number), String(instance.run), name, hash, encoded)
  const id = `${instance.id.slice(0, 70)}-${unique.replaceAll(/[-_]/g, "").slice(0, 20)}`
  const refuse = (code: string, message: string): string => encodeFailure({ name: "MayflyError", code, message })
  return {
    conflict: refuse("workflow.exists", `the workflow instance "${id}" exists with other content`),
    tooDeep: refuse("workflow.too-deep", "a child can't be started so many levels below another workflow"),
    tooMany: refuse("quota.count", "the tenant has as many workflow instances as it may have"),
    maxOpen,
    start: {
      tenant: instance.tenant,
      id,
      definition: { hash, body },
      params: encoded,
      content: hashOf(hash, encoded),
      startAt: now,
      retention: instance.retention,
    },
  }
}

interface Tick {
  /** The definition's, encoded. */
  readonly body: string
  /** The moment that has come. */
  readonly tick: number
  readonly cron: string
  readonly now: number
  readonly functions?: HostFunctions
}

/** The instance that a schedule starts. */
export function tickOf(schedule: InstanceRow, { body, tick, cron, now, functions }: Tick): NewInstance {
  const time = new Date(tick).toISOString().replaceAll(/[-:.]/g, "").slice(0, 15)
  return {
    tenant: schedule.tenant,
    id: `${schedule.id}-${time}`,
    definition: { hash: schedule.definitionHash, body },
    params: schedule.params,
    content: hashOf(schedule.definitionHash, schedule.params, time),
    startAt: now,
    retention: schedule.retention,
    trigger: JSON.stringify({ cron, scheduledTime: tick }),
    ...(functions !== undefined && { functions }),
  }
}
