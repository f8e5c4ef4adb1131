/** Running one program, without the HTTP API. */
export { type Program, runProgram, streamProgram } from "./run-program.ts"
