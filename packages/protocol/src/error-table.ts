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

  "worker.syntax": { status: 400, retry: false, fix: "Correct the program at the line and column shown." },
  "worker.guest": { status: 422, retry: false, fix: "The program threw; details hold its name, message and stack." },
  "worker.cpu-limit": { status: 422, retry: false, fix: "Do less work, or raise limits.cpuMs (null lifts it)." },
  "worker.memory-limit": { status: 422, retry: false, fix: "Hold less data at once, or raise limits.memoryMb." },
  "worker.wall-limit": { status: 422, retry: false, fix: "Wait less, or raise limits.wallMs (null lifts it)." },
  "worker.subrequest-limit": { status: 422, retry: false, fix: "Make fewer requests, or raise limits.subRequests." },
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
    fix: "Call a function that a guest gave only while its run lasts.",
  },

  "mesh.denied": {
    status: 403,
    retry: false,
    fix: "Add the origin to network.allowedOrigins if the program should reach it.",
  },
  "mesh.unreachable": { status: 502, retry: true, fix: "Check that the origin answers." },
  "mesh.response-too-large": { status: 502, retry: false, fix: "Ask for less, or raise the rule's maxResponseBytes." },

  "auth.missing": { status: 401, retry: false, fix: "Send `Authorization: Bearer mf_…`." },
  "auth.invalid": { status: 401, retry: false, fix: "Use a key that this server issued." },
  "auth.host": { status: 403, retry: false, fix: "Call the server by the address that it printed." },

  "platform.data-dir-in-use": {
    status: 409,
    retry: false,
    fix: "Stop the other process, or use another data directory.",
  },
  "platform.disposed": { status: 409, retry: false, fix: "Create a platform again; this one was disposed." },
  "platform.no-host": { status: 503, retry: true, fix: "Run `mayfly doctor`: host processes could not be started." },
  "platform.port-in-use": { status: 409, retry: false, fix: "Stop what listens there, or choose another --port." },
  "server.not-found": { status: 404, retry: false, fix: "See /v1/openapi.json or docs for the routes." },
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
