export const shells = ["bash", "zsh", "fish"] as const
export type Shell = (typeof shells)[number]

/** What these scripts call, with the words so far; a line each: word, tab, meaning. */
export const completeWord = "__complete"

/**
 * A script by which a shell asks `mayfly` itself what may follow. Where that has nothing to say, the shell names files. Words from a server are never
 * evaluated, only compared and inserted.
 */
export const completions: Readonly<Record<Shell, string>> = {
  bash: `# bash completion of mayfly: source <(mayfly completions bash)
_mayfly() {
  local word
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do
    COMPREPLY+=("$word")
  done < <("\${COMP_WORDS[0]}" ${completeWord} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _mayfly mayfly
`,
  zsh: `#compdef mayfly
# zsh completion of mayfly: put it as _mayfly into a folder of $fpath, or source <(mayfly completions zsh) after compinit
_mayfly() {
  local word meaning
  local -a found
  while IFS=$'\\t' read -r word meaning; do
    found+=("\${word//:/\\\\:}:$meaning")
  done < <("\${words[1]}" ${completeWord} "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if ((\${#found})); then _describe mayfly found; else _files; fi
}
if [ "$funcstack[1]" = "_mayfly" ]; then _mayfly "$@"; else compdef _mayfly mayfly; fi
`,
  fish: `# fish completion of mayfly: mayfly completions fish > ~/.config/fish/completions/mayfly.fish
function __mayfly_complete
  set -l before (commandline -opc)
  set -l typed (commandline -ct)
  test -n "$typed"; or set typed ''
  set -l found ($before[1] ${completeWord} $before[2..-1] "$typed" 2>/dev/null)
  if test (count $found) -gt 0
    string join \\n -- $found
  else
    __fish_complete_path "$typed"
  end
end
complete -c mayfly -f -a '(__mayfly_complete)'
`,
}
