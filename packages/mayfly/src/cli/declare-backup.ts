import type { Command } from "commander"
import type { BackupFlags } from "./backup-command.ts"
import { examples } from "./examples-text.ts"

type BackupAction = (name: "backup" | "restore", folder: string, flags: BackupFlags) => Promise<void>

/** `mayfly backup` and `mayfly restore` on the command line. */
export function addBackup(program: Command, action: BackupAction): void {
  program
    .command("backup")
    .summary("copy a data directory, also while a server owns it")
    .description(
      "Copies a data directory to a new folder DIR. While a server owns it, rows are of one moment, and each sandbox and Durable Object is\n" +
        "held still as long as it is copied. The copy holds keys: keep it as you keep the data directory. Run it as the server's user.",
    )
    .argument("<DIR>", "a folder that does not exist yet")
    .option("--data <DIR>", "data directory (default: MAYFLY_DATA, else ./.mayfly)")
    .option("--no-key", "leave out secrets.key: without it nobody can read the secrets in the copy")
    .option("--json", "print one JSON object")
    .addHelpText("after", examples(["mayfly backup /backup/mayfly-2026-11-23 --data /var/lib/mayfly"]))
    .action((folder: string, flags: BackupFlags) => action("backup", folder, flags))
  program
    .command("restore")
    .summary("make a data directory of a backup")
    .description(
      "Checks every file of the backup and its database first. The data directory must not exist, or be empty.",
    )
    .argument("<DIR>", "what `mayfly backup` made")
    .option("--data <DIR>", "data directory (default: MAYFLY_DATA, else ./.mayfly)")
    .option("--json", "print one JSON object")
    .addHelpText("after", examples(["mayfly restore /backup/mayfly-2026-11-23 --data /var/lib/mayfly"]))
    .action((folder: string, flags: BackupFlags) => action("restore", folder, flags))
}
