import { type Finished, mayfly } from "./mayfly-process.ts"
import { serve } from "./served.ts"

/** `mayfly sandbox` beside a server that has one sandbox, `box`. Each command starts a process of its own. */
export const { folder, data, url, key, authorization } = await serve("sandboxes-sh")
await post("", { id: "box" })

export function sandbox(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> {
  return mayfly(["sandbox", ...args], { cwd: folder, env })
}

/** Through the socket in the directory. */
export const local = (name: string, ...args: string[]): Promise<Finished> => sandbox([name, "--data", data, ...args])

/** What is not about the command itself goes over HTTP, which is quicker. */
export async function run(command: string, id = "box"): Promise<string> {
  return ((await (await post(`/${id}/exec`, { command })).json()) as { stdout: string }).stdout
}

function post(path: string, body: object): Promise<Response> {
  const headers = { authorization }
  return fetch(`${url}/v1/sandboxes${path}`, { method: "POST", headers, body: JSON.stringify(body) })
}
