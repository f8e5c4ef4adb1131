import { findProgram } from "./find-program.ts"

/** A program of this machine that sandboxes use. */
export interface SandboxNeed {
  readonly program: string
  /** What is not there without it. */
  readonly purpose: string
  readonly debianPackage: string
  /** Whether no sandbox starts without it. */
  readonly isRequired: boolean
}

const always = { isRequired: true }
const sometimes = { isRequired: false }

const needs: readonly SandboxNeed[] = [
  { program: "bwrap", purpose: "isolation", debianPackage: "bubblewrap", ...always },
  { program: "bash", purpose: "commands and shells", debianPackage: "bash", ...always },
  { program: "mkfifo", purpose: "pipes of commands", debianPackage: "coreutils", ...always },
  { program: "prlimit", purpose: "the limit on processes", debianPackage: "util-linux", ...always },
  { program: "unshare", purpose: "networks and mounts of their own", debianPackage: "util-linux", ...always },
  { program: "nsenter", purpose: "the way out", debianPackage: "util-linux", ...always },
  { program: "ip", purpose: "the way out", debianPackage: "iproute2", ...always },
  { program: "mkfs.ext4", purpose: "a hard limit on disks, quick snapshots", debianPackage: "e2fsprogs", ...sometimes },
  { program: "fsfreeze", purpose: "snapshots of a sandbox that runs", debianPackage: "util-linux", ...sometimes },
  { program: "script", purpose: "terminals", debianPackage: "bsdutils", ...sometimes },
  { program: "tar", purpose: "export and import", debianPackage: "tar", ...sometimes },
  { program: "git", purpose: "git.clone", debianPackage: "git", ...sometimes },
  { program: "python3", purpose: "code in Python", debianPackage: "python3", ...sometimes },
]

/** Only root gives each sandbox a user of its own. */
const ofRoot: readonly SandboxNeed[] = [
  { program: "setpriv", purpose: "a user of its own for each sandbox", debianPackage: "util-linux", ...always },
  { program: "mount", purpose: "files of its own for each sandbox", debianPackage: "mount", ...always },
]

/** What of it is not installed. */
export function missingSandboxNeeds(): readonly SandboxNeed[] {
  const all = process.getuid?.() === 0 ? [...needs, ...ofRoot] : needs
  return all.filter(({ program }) => findProgram(program) === undefined)
}
