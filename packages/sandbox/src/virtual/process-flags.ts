/**
 * Node's flags for the process of a virtual sandbox: whoever breaks out of the imitation finds one that may read and write this folder, start no other
 * and load nothing native. It may make no links, so none leads out.
 */
export function processFlags(root: string, readable: readonly string[]): string[] {
  return [
    "--permission",
    ...readable.map((folder) => `--allow-fs-read=${folder}/*`),
    `--allow-fs-read=${root}/*`,
    `--allow-fs-write=${root}/*`,
    "--allow-worker",
    "--no-warnings",
  ]
}
