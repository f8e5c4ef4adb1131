import { after } from "node:test"
import { createPlatform, Sandbox, type SandboxOptions } from "mayfly"

const platform = await createPlatform({ hosts: 1, isolates: 0, spare: false })
after(() => platform.dispose())

/** A sandbox of a platform that this test file shares. */
export function attacked(options: SandboxOptions = {}): Promise<Sandbox> {
  return Sandbox.create({ platform, ...options })
}

/** Runs Python and gives what it prints. */
export async function python(sandbox: Sandbox, program: string): Promise<string> {
  const { stdout, stderr } = await sandbox.exec(["python3", "-c", program], { timeoutMs: 60_000 })
  return stdout + stderr
}
