/** One row of the error table. */
export interface ErrorRow {
  /** HTTP status on the API. */
  readonly status: number
  /** Whether the same call may simply be made again. */
  readonly retry: boolean
  /** What to change, in words for a person or an agent. */
  readonly fix: string
}

/** Every failure that Mayfly reports. `docs/reference/errors.md` equals this table, checked both ways. */
export const errorTable = {
  "input.invalid": { status: 400, retry: false, fix: "Correct the option or field that the message names." },
  "input.idempotency-conflict": {
    status: 409,
    retry: false,
    fix: "Use a new Idempotency-Key for another request; for the same one wait for `details.retryAfterMs`.",
  },
  "input.idempotency-unknown": {
    status: 409,
    retry: false,
    fix: "Look whether the first request took effect, then send it with a new Idempotency-Key if it did not.",
  },

  "worker.syntax": { status: 400, retry: false, fix: "Correct the program at the line and column shown." },
  "worker.guest": { status: 422, retry: false, fix: "The program threw; details hold its name, message and stack." },
  "worker.cpu-limit": { status: 422, retry: false, fix: "Do less work, or raise limits.cpuMs (null lifts it)." },
  "worker.memory-limit": { status: 422, retry: false, fix: "Hold less data at once, or raise limits.memoryMb." },
  "worker.wall-limit": { status: 422, retry: false, fix: "Wait less, or raise limits.wallMs (null lifts it)." },
  "worker.subrequest-limit": { status: 422, retry: false, fix: "Make fewer requests, or raise limits.subRequests." },
  "worker.binding-limit": { status: 422, retry: false, fix: "Call bindings less often, or raise limits.bindingCalls." },
  "worker.binding-timeout": {
    status: 422,
    retry: false,
    fix: "Let the binding answer sooner, or raise limits.bindingMs (null lifts it).",
  },
  "worker.output-limit": { status: 422, retry: false, fix: "Return less, or raise limits.outputBytes." },
  "worker.log-limit": { status: 422, retry: false, fix: "Log less, or raise limits.logBytes." },
  "worker.unsettled": {
    status: 422,
    retry: false,
    fix: "The promise waits for nothing that could still happen; settle it.",
  },
  "worker.host-crashed": {
    status: 503,
    retry: true,
    fix: "Run it again when `retry` is true; the process that held it has been replaced.",
  },
  "worker.not-serializable": { status: 422, retry: false, fix: "Return or pass plain data at the path shown." },
  "worker.aborted": { status: 499, retry: true, fix: "The caller cancelled the run." },
  "worker.queue-full": { status: 429, retry: true, fix: "Wait for `details.retryAfterMs`, then try again." },
  "worker.no-entrypoint": {
    status: 422,
    retry: false,
    fix: "Export a default function, or an object with run or fetch.",
  },
  "worker.module-not-found": { status: 400, retry: false, fix: "Give the module in `modules`, or remove the import." },
  "worker.not-found": { status: 404, retry: false, fix: "Check the name and version, or deploy the worker first." },
  "worker.websocket-limit": {
    status: 422,
    retry: false,
    fix: "Send smaller messages, and no more while bufferedAmount is high.",
  },
  "worker.cache-limit": {
    status: 422,
    retry: false,
    fix: "Put responses of at most 8 MiB into the cache, a few at a time.",
  },
  "worker.unsupported": {
    status: 501,
    retry: false,
    fix: "Use what the message names; this part of the Workers API is not available.",
  },
  "worker.typecheck": { status: 422, retry: false, fix: "Correct the lines shown so that they fit the declarations." },
  "worker.code-too-large": { status: 413, retry: false, fix: "Keep all modules together under 64 MiB." },
  "worker.compile-timeout": {
    status: 422,
    retry: false,
    fix: "Simplify or split the program: parsing it took too long.",
  },
  "worker.disposed": { status: 409, retry: false, fix: "Create the worker again; this one was disposed." },
  "worker.stub-expired": {
    status: 422,
    retry: false,
    fix: "Call what a guest gave while its run is open, and hold it no longer than needed.",
  },

  "object.aborted": { status: 409, retry: true, fix: "Get the facet again; this stub is from before it was stopped." },
  "object.reset": { status: 503, retry: true, fix: "Call again: the object starts over with what it had stored." },
  "object.storage-limit": {
    status: 422,
    retry: false,
    fix: "Make the query cheaper: add an index or a LIMIT, sort and join less at once.",
  },
  "object.storage-failed": {
    status: 500,
    retry: false,
    fix: "Check the data directory: its disk may be full, the file damaged, or another process may use it.",
  },

  "mesh.approval-unknown": {
    status: 404,
    retry: false,
    fix: "List the approvals (`mayfly approvals`); a decided or expired one can't be decided again.",
  },
  "mesh.secret-unreadable": {
    status: 500,
    retry: false,
    fix: "Start with the key that encrypted it (MAYFLY_SECRETS_KEY or the key file), or set the secret again.",
  },
  "mesh.denied": {
    status: 403,
    retry: false,
    fix: "Add the origin to network.allowedOrigins if the program should reach it.",
  },
  "mesh.pending": { status: 403, retry: true, fix: "Wait until the approval is decided, then ask again." },
  "mesh.rate-limited": { status: 429, retry: true, fix: "Wait for `details.retryAfterMs`, then try again." },
  "mesh.too-many-connections": {
    status: 429,
    retry: true,
    fix: "Read or cancel the bodies of earlier responses, then try again.",
  },
  "mesh.unreachable": { status: 502, retry: true, fix: "Check that the origin answers." },
  "mesh.request-too-large": { status: 413, retry: false, fix: "Send less, or raise the rule's maxRequestBytes." },
  "mesh.response-too-large": { status: 502, retry: false, fix: "Ask for less, or raise the rule's maxResponseBytes." },
  "mesh.body-used": {
    status: 422,
    retry: false,
    fix: "Send the body as text or bytes: a stream cannot be sent again after a redirect.",
  },
  "mesh.secret-missing": { status: 422, retry: false, fix: "Store the secret that the rule names, then try again." },
  "mesh.namespace": {
    status: 503,
    retry: false,
    fix: "Install iproute2, and allow user namespaces or run as root.",
  },
  "mesh.ledger-failed": { status: 503, retry: true, fix: "Make the ledger writable again: nothing leaves unrecorded." },

  "workflow.not-found": { status: 404, retry: false, fix: "Check the id, and that the key's tenant created it." },
  "workflow.exists": {
    status: 409,
    retry: false,
    fix: "Use another id, or the same content; delete the old instance to use its id again.",
  },
  "workflow.ended": { status: 409, retry: false, fix: "The instance has ended; restart it, or create another one." },
  "workflow.failed": { status: 422, retry: false, fix: "The workflow threw; details hold the name and message." },
  "workflow.terminated": {
    status: 409,
    retry: false,
    fix: "Somebody terminated the instance; restart it to run again.",
  },
  "workflow.timeout": { status: 422, retry: false, fix: "Raise the step's timeout, or do less in one step." },
  "workflow.event-timeout": {
    status: 422,
    retry: false,
    fix: "Catch it as the branch without an event, or wait longer.",
  },
  "workflow.interrupted": {
    status: 422,
    retry: false,
    fix: "Find out whether the step took effect, then restart from it or behind it.",
  },
  "workflow.nondeterminism": {
    status: 422,
    retry: false,
    fix: "Decide only by results of steps and by the event; put time, chance and requests into steps. Then restart.",
  },
  "workflow.step-limit": {
    status: 422,
    retry: false,
    fix: "Use fewer steps: do more in each, or start child workflows.",
  },
  "workflow.storage-limit": {
    status: 422,
    retry: false,
    fix: "Keep large data elsewhere and give steps references to it.",
  },
  "workflow.too-deep": {
    status: 422,
    retry: false,
    fix: "Start the workflow from one that is not so many levels below another.",
  },
  "workflow.unsettled": {
    status: 422,
    retry: false,
    fix: "Await steps only; the promise waits for nothing that could happen.",
  },
  "workflow.poison": {
    status: 422,
    retry: false,
    fix: "The process died again and again while this instance ran; look at the step it was in, then restart.",
  },
  "workflow.not-serializable": {
    status: 422,
    retry: false,
    fix: "Return plain data from the step: see the path shown.",
  },
  "workflow.result-too-large": {
    status: 422,
    retry: false,
    fix: "Return less from the step; store large data elsewhere.",
  },
  "workflow.too-many-events": {
    status: 429,
    retry: true,
    fix: "Wait until the workflow has taken some of its events.",
  },
  "workflow.no-such-step": {
    status: 409,
    retry: false,
    fix: "Name a step that the instance has come to; see its history.",
  },
  "workflow.damaged": {
    status: 500,
    retry: false,
    fix: "What is stored of it is damaged: restore the data directory from a backup, or restart the workflow.",
  },
  "workflow.handled-again": {
    status: 409,
    retry: false,
    fix: "Send the request again yourself if the workflow shall be started once more.",
  },
  "workflow.hook-not-found": {
    status: 404,
    retry: false,
    fix: "Check the link: it never existed, or the workflow was deleted.",
  },
  "workflow.hook-signature": {
    status: 403,
    retry: false,
    fix: "Send the request as the service that the link was made for does: signed with its secret, just now.",
  },
  "workflow.hook-used": {
    status: 409,
    retry: false,
    fix: "The link was used, or what waited has gone on; look at the workflow.",
  },
  "workflow.fenced": { status: 409, retry: true, fix: "Somebody else runs the instance now; nothing was written." },
  "workflow.engine-stopped": {
    status: 503,
    retry: true,
    fix: "Start the platform again; the instance goes on from there.",
  },

  "auth.missing": { status: 401, retry: false, fix: "Send `Authorization: Bearer mf_…`." },
  "auth.invalid": { status: 401, retry: false, fix: "Use a key that this server issued." },
  "auth.forbidden": { status: 403, retry: false, fix: "Use a key that has the scope and the tenant that are named." },
  "auth.rate-limited": {
    status: 429,
    retry: true,
    fix: "Wait for `details.retryAfterMs`, and send a key of this server.",
  },
  "auth.too-many-keys": { status: 409, retry: false, fix: "Revoke keys that nobody needs any more." },
  "auth.host": { status: 403, retry: false, fix: "Call the server by the address that it printed." },

  "quota.rate": {
    status: 429,
    retry: true,
    fix: "Wait for `details.retryAfterMs`, then try again; or raise the rate.",
  },
  "quota.concurrency": {
    status: 429,
    retry: true,
    fix: "Wait for `details.retryAfterMs`, then try again; or raise concurrentRuns or queuedRuns.",
  },
  "quota.budget": {
    status: 429,
    retry: false,
    fix: "Wait until `details.resetsAt`, or raise the tenant's hard budget.",
  },
  "quota.limit": { status: 403, retry: false, fix: "Ask for no more than the tenant's quota permits, or raise it." },
  "quota.count": { status: 409, retry: false, fix: "Remove some that are not needed, or raise the tenant's quota." },
  "tenant.suspended": {
    status: 403,
    retry: false,
    fix: "An administrator suspended the tenant; `mayfly tenants resume` lifts it.",
  },
  "run.not-found": {
    status: 404,
    retry: false,
    fix: "Check the id; old runs are forgotten, and others' are not shown.",
  },
  "run.ended": { status: 409, retry: false, fix: "The run is over; nothing is left to cancel." },
  "client.unreachable": { status: 503, retry: true, fix: "Check the URL, and that the server runs there." },
  "client.not-mayfly": { status: 502, retry: false, fix: "Check the URL: what answers there is not a Mayfly server." },
  "client.disconnected": {
    status: 503,
    retry: false,
    fix: "The connection broke while it was under way: whether it happened is not known. Look at the run history, then try again.",
  },

  "store.busy": { status: 503, retry: true, fix: "Another process writes to the same database; wait and try again." },
  "store.queue-full": { status: 503, retry: true, fix: "Wait for `details.retryAfterMs`, then try again." },
  "store.full": { status: 507, retry: true, fix: "Nothing was written. Free space on the disk, or raise the quota." },
  "store.unknown-outcome": {
    status: 503,
    retry: false,
    fix: "It may have been written or not: read before you try again.",
  },
  "store.constraint": {
    status: 409,
    retry: false,
    fix: "A row with this key exists, or a rule of the table forbids it.",
  },
  "store.corrupt": {
    status: 500,
    retry: false,
    fix: "Stored data is damaged: restore the data directory from a backup.",
  },
  "store.newer": {
    status: 409,
    retry: false,
    fix: "A newer Mayfly has used this data directory; use that version or later.",
  },
  "store.migration-changed": {
    status: 409,
    retry: false,
    fix: "Another build of Mayfly made this data directory; use that build, or another directory.",
  },
  "store.not-found": { status: 404, retry: false, fix: "Check the data directory; it is filled at its first use." },
  "store.read-only": { status: 409, retry: false, fix: "Open the store for writing." },
  "store.too-many-rows": { status: 422, retry: false, fix: "Ask for fewer rows at once, with a limit and a cursor." },
  "store.closed": { status: 409, retry: false, fix: "Open the store again; this one was closed." },
  "store.failed": { status: 500, retry: false, fix: "The message says what the database or the disk refused." },

  "sandbox.not-found": { status: 404, retry: false, fix: "Check the id, or create it: Sandbox.open gets or creates." },
  "sandbox.denied": {
    status: 403,
    retry: false,
    fix: "Do without it, or ask the program's owner to give the binding this right.",
  },
  "sandbox.exists": { status: 409, retry: false, fix: "Use Sandbox.get or Sandbox.open, or another id." },
  "sandbox.destroyed": { status: 410, retry: false, fix: "Create a sandbox again; this one was destroyed." },
  "sandbox.stopped": { status: 409, retry: true, fix: "Call again: the sandbox starts with its files as they were." },
  "sandbox.crashed": { status: 503, retry: true, fix: "Call again: the sandbox starts with its files as they were." },
  "sandbox.limit": { status: 422, retry: false, fix: "Use less, or raise the limit that the message names." },
  "sandbox.disk-full": { status: 507, retry: false, fix: "Remove files, or raise limits.diskMb." },
  "sandbox.unavailable": { status: 503, retry: false, fix: "Provide what the message names; nothing weaker is used." },
  "sandbox.unsupported": { status: 501, retry: false, fix: "Use a provider that can do this." },
  "sandbox.file-not-found": { status: 404, retry: false, fix: "Check the path; it is seen from inside the sandbox." },
  "sandbox.file-too-large": { status: 413, retry: false, fix: "Read it as a stream, in parts, or raise maxBytes." },
  "sandbox.file": { status: 422, retry: false, fix: "The message says what the sandbox's file system refused." },
  "sandbox.git": {
    status: 502,
    retry: false,
    fix: "The message holds what git said; check address, branch and network.",
  },
  "sandbox.port-closed": { status: 502, retry: true, fix: "Start what listens on the port, or wait with waitForPort." },
  "sandbox.timeout": { status: 408, retry: true, fix: "Wait longer, or look at the logs of the process." },
  "sandbox.exited": { status: 409, retry: false, fix: "The process has ended; look at its logs." },
  "sandbox.aborted": { status: 499, retry: true, fix: "The caller cancelled it; its processes were killed." },

  "platform.data-dir-in-use": {
    status: 409,
    retry: false,
    fix: "Stop the other process, or use another data directory.",
  },
  "platform.disposed": { status: 409, retry: false, fix: "Create a platform again; this one was disposed." },
  "platform.internal": {
    status: 500,
    retry: false,
    fix: "This is a defect in Mayfly; please report it, with what MAYFLY_DEBUG=1 shows.",
  },
  "platform.no-host": { status: 503, retry: true, fix: "Run `mayfly doctor`: host processes could not be started." },
  "platform.not-hardened": {
    status: 503,
    retry: false,
    fix: "Get what is missing (docs/guides/deploying.md says how), or start without `--require hardened`.",
  },
  "platform.system": { status: 500, retry: false, fix: "Change what the operating system refuses." },
  "platform.port-in-use": { status: 409, retry: false, fix: "Stop what listens there, or choose another --port." },
  "server.not-found": { status: 404, retry: false, fix: "See /v1/openapi.json or docs for the routes." },
  "server.stopping": { status: 503, retry: true, fix: "Ask again in a moment, or another server." },
  "server.unreachable": { status: 502, retry: true, fix: "Check the address and whether the server runs." },
  "server.upgrade-required": { status: 426, retry: false, fix: "Open it with a client for WebSockets." },
  "server.body-timeout": { status: 408, retry: true, fix: "Send the body without long pauses." },
  "server.headers-too-large": { status: 431, retry: false, fix: "Send fewer or shorter headers, and a shorter path." },
  "server.too-large": { status: 413, retry: false, fix: "Send a smaller body." },
  "server.worker-failed": {
    status: 500,
    retry: false,
    fix: "Correct the served worker: the terminal or log of `mayfly serve` has its stack under the request id.",
  },
  "server.no-worker": {
    status: 503,
    retry: true,
    fix: "Correct the served worker: the terminal or log of `mayfly serve` says why it could not be loaded.",
  },
  "server.internal": { status: 500, retry: false, fix: "This is a defect in Mayfly; please report it." },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof errorTable
