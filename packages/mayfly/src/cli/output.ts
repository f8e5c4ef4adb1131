import { styleText } from "node:util"

/** Where a command writes, and in which colours. */
export interface Output {
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  /** False after --no-color, also on a terminal. */
  readonly color: boolean
}

export type StreamName = "stdout" | "stderr"

/** Whether text on this stream may have colours: a terminal, and nobody said no. */
export function hasColor(output: Output, name: StreamName): boolean {
  const { color, [name]: stream } = output
  // styleText knows NO_COLOR, FORCE_COLOR and terminals; it leaves the text alone when there should be no colour.
  return color && styleText("dim", "x", { stream }) !== "x"
}

export function paint(
  output: Output,
  name: StreamName,
  style: "dim" | "red" | "yellow" | "bold" | "green",
  text: string,
): string {
  return hasColor(output, name) ? styleText(style, text, { stream: output[name] }) : text
}
