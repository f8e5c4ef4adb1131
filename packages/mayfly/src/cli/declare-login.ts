import type { Command } from "commander"
import { examples } from "./examples-text.ts"
import type { LoginFlags } from "./login-command.ts"

/** What `mayfly login`, `logout` and `profiles` do. */
export interface LoginActions {
  login(url: string, flags: LoginFlags): Promise<void>
  logout(name: string, flags: LoginFlags): Promise<void>
  profiles(flags: LoginFlags): Promise<void>
}

/** `mayfly login`, `logout` and `profiles` on the command line. */
export function addLogin(program: Command, actions: LoginActions): void {
  program
    .command("login")
    .summary("keep the address and a key of a server, for --profile")
    .description(
      "Asks the server whether it takes the key, then keeps both in a file of yours (mode 0600) in ~/.config/mayfly/profiles.\n" +
        "The key is asked for and not shown; without a terminal it is read from stdin.",
    )
    .argument("<URL>", "address of the server")
    .option(
      "--key <KEY>",
      "the key; other users of this machine may see it there (default: MAYFLY_KEY, else stdin; - is stdin)",
    )
    .option("--name <PROFILE>", "name of the profile (default: the server's host)")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      examples(["mayfly login https://mayfly.example.com --name prod", "mayfly workflow ls --profile prod"]),
    )
    .action((url: string, flags: LoginFlags) => actions.login(url, flags))
  program
    .command("logout")
    .summary("forget a profile and its key")
    .description("Removes the file of the profile. The server still takes the key: `mayfly keys revoke` ends it.")
    .argument("<PROFILE>", "name of the profile")
    .option("--json", "print one JSON object")
    .addHelpText("after", examples(["mayfly logout prod"]))
    .action((name: string, flags: LoginFlags) => actions.logout(name, flags))
  program
    .command("profiles")
    .summary("list profiles; keys are not shown")
    .description("Lists the servers that `mayfly login` keeps.")
    .option("--json", "print JSON: one object per line")
    .addHelpText("after", examples(["mayfly profiles", "MAYFLY_PROFILE=prod mayfly workflow ls"]))
    .action((flags: LoginFlags) => actions.profiles(flags))
}
