import { execFile } from "node:child_process"

export interface ProgramResult {
  readonly isOk: boolean
  readonly stdout: string
  readonly stderr: string
}

/** Runs a system program of ours to its end, without our environment. Never rejects. */
export function runProgram(command: string, args: readonly string[], timeoutMs = 30_000): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const options = {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
      timeout: timeoutMs,
      killSignal: "SIGKILL",
      maxBuffer: 1 << 20,
    } as const
    execFile(command, args, options, (error, stdout, stderr) => {
      resolve({ isOk: error === null, stdout, stderr: stderr === "" && error !== null ? error.message : stderr })
    })
  })
}
