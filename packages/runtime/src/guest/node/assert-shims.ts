// What the `assert` package takes from object.assign, object-is and call-bind.
export const assign = (): typeof Object.assign => Object.assign
export const is = (): typeof Object.is => Object.is
export function callBound(): (pattern: RegExp, text: string) => boolean {
  return (pattern, text) => RegExp.prototype.test.call(pattern, text)
}
