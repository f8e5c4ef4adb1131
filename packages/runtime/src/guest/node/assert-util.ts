// What the `assert` package uses of its `util` package, which is 34 kB of detection for old engines.
export { inspect } from "./inspect.ts"
export { types } from "./util-types.ts"
