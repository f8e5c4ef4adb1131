// Every wrong value in every field, and every trick in every path.
process.env["MAYFLY_ALL_BAD_INPUT"] = "1"
await import("./http-bad-input.test.ts")
