import { styleText } from "node:util"

/** Where a command writes, and in which colours. */
export interface Output {
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  /** False after --no-color, also on a terminal. */
  readonly color: boolean
}

type Stream = "stdout" | "stderr"

/** Whether text on this stream may have colours: a terminal, and nobody said no. */
export function hasColor(output: Output, stream: Stream): boolean {
  // styleText knows NO_COLOR, FORCE_COLOR and terminals; it leaves the text alone when there should be no colour.
  return output.color && styleText("dim", "x", { stream: output[stream] }) !== "x"
}

export function paint(output: Output, stream: Stream, style: "dim" | "red" | "yellow" | "bold", text: string): string {
  return hasColor(output, stream) ? styleText(style, text, { stream: output[stream] }) : text
}
