let root = ""

/** Where "/" of the sandbox is, for an agent that sees more than the sandbox's files. */
export function setFilesRoot(folder: string): void {
  root = folder
}

/** A path as the sandbox knows it. */
export function shownPath(path: string): string {
  if (root === "" || !path.startsWith(root)) return path
  return path.slice(root.length) || "/"
}

/** A text that may name files. */
export function shownText(text: string): string {
  return root === "" ? text : text.replaceAll(root, "")
}
