const standIns = new WeakMap<object, object>()

/**
 * Makes guests get `standIn` wherever they would get `value`. For functions that do more for the parent than a guest may do: a loopback stub
 * of the parent's own exports takes any props when it is called.
 */
export function provideStandIn(value: object, standIn: object): void {
  standIns.set(value, standIn)
}

export function standInOf(value: object): object | undefined {
  return standIns.get(value)
}
