import { spawnSync } from "node:child_process"

/** Gives up being root; before that, a /dev/null that ordinary users can use, where the machine's is not. */
const script = `set -e
mount -t tmpfs -o mode=755 none /mnt
mknod -m 666 /mnt/null c 1 3
mount --bind /mnt/null /dev/null
exec setpriv --reuid 54321 --regid 54321 --clear-groups "$@"`

/** Whoever runs commands behind `asOrdinaryUser`. */
export const ordinaryUser = 54_321

/** A command that runs what follows it as a user with no rights. */
export const asOrdinaryUser: readonly string[] = ["unshare", "--mount", "sh", "-c", script, "sh"]

/** Why that can't be had here for something that reads `file`, or false. */
export function reasonWithoutUser(file: string): string | false {
  if (process.getuid?.() !== 0) return "this process is an ordinary user's, so the other tests have done it"
  const program = `require("fs").readFileSync(${JSON.stringify(file)})`
  const [command, ...args] = [...asOrdinaryUser, process.execPath, "-e", program]
  const tried = spawnSync(command, args, { encoding: "utf8" })
  return tried.status === 0 ? false : `an ordinary user can't read this checkout here: ${tried.stderr.slice(0, 200)}`
}
