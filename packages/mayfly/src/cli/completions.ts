import type { Command, Option } from "commander"

export const shells = ["bash", "zsh", "fish"] as const
export type Shell = (typeof shells)[number]

/** A command with what may follow it. */
interface Node {
  /** Its words without the program's name: "workflow start". */
  readonly path: string
  readonly summary: string
  readonly commands: readonly Node[]
  readonly options: readonly Option[]
}

/** A script that completes commands and options of the tree in a shell. It starts no process of ours while somebody types. */
export function completions(program: Command, shell: Shell): string {
  const root = nodeOf(program, "")
  const nodes = [root, ...below(root)]
  return { bash, zsh, fish }[shell](program.name(), nodes)
}

function nodeOf(command: Command, path: string): Node {
  const options = command.options.filter(({ hidden }) => !hidden)
  return {
    path,
    summary: command.summary(),
    commands: command.commands.map((child) => nodeOf(child, `${path} ${child.name()}`.trim())),
    options,
  }
}

function below(node: Node): readonly Node[] {
  return node.commands.flatMap((child) => [child, ...below(child)])
}

function flagsOf({ options }: Node): readonly string[] {
  return [...options.flatMap(({ short, long }) => [short, long]).filter((flag) => flag !== undefined), "--help"]
}

function namesOf({ commands }: Node): readonly string[] {
  return commands.map(({ path }) => lastWord(path))
}

function lastWord(path: string): string {
  return path.slice(path.lastIndexOf(" ") + 1)
}

/** Words are ours, from the tree; quoting keeps them words all the same. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** Options with a value: what follows them is no command. */
function valueFlags(nodes: readonly Node[]): readonly string[] {
  const all = nodes.flatMap(({ options }) => options.filter(({ required, optional }) => required || optional))
  return [...new Set(all.flatMap(({ short, long }) => [short, long]).filter((flag) => flag !== undefined))]
}

function bash(name: string, nodes: readonly Node[]): string {
  const cases = nodes.map((node) => {
    const words = [...namesOf(node), ...flagsOf(node)]
    return `    ${quoted(node.path)}) words=${quoted(words.join(" "))} ;;`
  })
  const paths = nodes.filter(({ path }) => path !== "").map(({ path }) => quoted(path))
  return `# bash completion of ${name}: source <(${name} completions bash)
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" word next words i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$word" in
      ${valueFlags(nodes).join("|")}) ((i++)) ; continue ;;
      -*) continue ;;
    esac
    next="\${path:+$path }$word"
    case "$next" in
      ${paths.join("|")}) path="$next" ;;
      *) break ;;
    esac
  done
  case "\${COMP_WORDS[COMP_CWORD - 1]}" in
    ${valueFlags(nodes).join("|")}) return ;;
  esac
  case "$path" in
${cases.join("\n")}
  esac
  if [[ "$current" != -* ]]; then
    local kept=()
    for word in $words; do [[ "$word" == -* ]] || kept+=("$word"); done
    words="\${kept[*]}"
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${name} ${name}
`
}

function zsh(name: string, nodes: readonly Node[]): string {
  const cases = nodes.map((node) => {
    const commands = node.commands.map((child) => quoted(`${lastWord(child.path)}:${child.summary}`))
    return `    ${quoted(node.path)}) commands=(${commands.join(" ")}) flags=(${flagsOf(node).map(quoted).join(" ")}) ;;`
  })
  const paths = nodes.filter(({ path }) => path !== "").map(({ path }) => quoted(path))
  return `#compdef ${name}
# zsh completion of ${name}: put it as _${name} into a folder of $fpath, or source <(${name} completions zsh)
_${name}() {
  local found="" word next i
  local -a commands flags
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    case "$word" in
      ${valueFlags(nodes).join("|")}) ((i++)) ; continue ;;
      -*) continue ;;
    esac
    next="\${found:+$found }$word"
    case "$next" in
      ${paths.join("|")}) found="$next" ;;
      *) break ;;
    esac
  done
  case "\${words[CURRENT-1]}" in
    ${valueFlags(nodes).join("|")}) _files ; return ;;
  esac
  case "$found" in
${cases.join("\n")}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then compadd -- $flags
  elif ((\${#commands})); then _describe command commands
  else _files
  fi
}
if [ "$funcstack[1]" = "_${name}" ]; then _${name} "$@"; else compdef _${name} ${name}; fi
`
}

function fish(name: string, nodes: readonly Node[]): string {
  const lines = nodes.flatMap((node) => {
    const when = quoted(`__${name}_at ${quoted(node.path).replaceAll("'", '"')}`)
    const commands = node.commands.map(
      (child) => `complete -c ${name} -f -n ${when} -a ${quoted(lastWord(child.path))} -d ${quoted(child.summary)}`,
    )
    const options = node.options.map(({ short, long, required, optional, description }) => {
      const flag = [...(short === undefined ? [] : [`-s ${short.slice(1)}`]), `-l ${long?.slice(2) ?? ""}`].join(" ")
      const value = required || optional ? " -r" : ""
      return `complete -c ${name} -n ${when} ${flag}${value} -d ${quoted(description.split("\n")[0] ?? "")}`
    })
    return [...commands, ...options]
  })
  const paths = nodes.filter(({ path }) => path !== "").map(({ path }) => quoted(path))
  return `# fish completion of ${name}: ${name} completions fish > ~/.config/fish/completions/${name}.fish
function __${name}_at
  set -l found
  set -l skip 0
  for word in (commandline -opc)[2..]
    if test $skip = 1
      set skip 0
      continue
    end
    switch $word
      case ${valueFlags(nodes).join(" ")}
        set skip 1
      case '-*'
      case '*'
        set -l next (string trim "$found $word")
        contains -- $next ${paths.join(" ")}
        and set found $next
        or break
    end
  end
  test "$found" = "$argv[1]"
end
${lines.join("\n")}
`
}
