const { toString } = Object.prototype
const tagOf = (value: unknown): string => Reflect.apply(toString, value, []).slice(8, -1)
const getTypedArrayName = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)?.get
const typedArrayName = (value: unknown): string | undefined =>
  Reflect.apply(getTypedArrayName as () => string | undefined, value, [])

/** Whether `method` of a built-in class, which throws for anything but its own instances, takes `value`. */
function brand(method: unknown, ...args: unknown[]): (value: unknown) => boolean {
  return (value) => {
    try {
      Reflect.apply(method as () => unknown, value, args)
      return true
    } catch {
      return false
    }
  }
}

const getter = (prototype: object, name: string): unknown => Object.getOwnPropertyDescriptor(prototype, name)?.get
const isObject = (value: unknown): value is object => typeof value === "object" && value !== null
const boxed = (method: unknown): ((value: unknown) => boolean) => {
  const isOne = brand(method)
  return (value) => isObject(value) && isOne(value)
}
const isTypedArray =
  (name: string) =>
  (value: unknown): boolean =>
    typedArrayName(value) === name
const isFunctionWithTag =
  (...tags: readonly string[]) =>
  (value: unknown): boolean =>
    typeof value === "function" && tags.includes(tagOf(value))

const isNumberObject = boxed(Number.prototype.valueOf)
const isStringObject = boxed(String.prototype.valueOf)
const isBooleanObject = boxed(Boolean.prototype.valueOf)
const isBigIntObject = boxed(BigInt.prototype.valueOf)
const isSymbolObject = boxed(Symbol.prototype.valueOf)
const isArrayBuffer = brand(getter(ArrayBuffer.prototype, "byteLength"))

/** `util.types`. V8's own knowledge of proxies and of module namespaces can't be had from JavaScript: both are told by their looks, or not at all. */
export const types = {
  isAnyArrayBuffer: isArrayBuffer,
  isArgumentsObject: (value: unknown): boolean =>
    isObject(value) && !(Symbol.toStringTag in value) && tagOf(value) === "Arguments",
  isArrayBuffer,
  isArrayBufferView: (value: unknown): boolean => ArrayBuffer.isView(value),
  isAsyncFunction: isFunctionWithTag("AsyncFunction", "AsyncGeneratorFunction"),
  isBigInt64Array: isTypedArray("BigInt64Array"),
  isBigIntObject,
  isBigUint64Array: isTypedArray("BigUint64Array"),
  isBooleanObject,
  isBoxedPrimitive: (value: unknown): boolean =>
    isNumberObject(value) ||
    isStringObject(value) ||
    isBooleanObject(value) ||
    isBigIntObject(value) ||
    isSymbolObject(value),
  isCryptoKey: (value: unknown): boolean => isObject(value) && tagOf(value) === "CryptoKey",
  isDataView: brand(getter(DataView.prototype, "byteLength")),
  isDate: brand(Date.prototype.getTime),
  isExternal: (_value: unknown): boolean => false,
  isFloat32Array: isTypedArray("Float32Array"),
  isFloat64Array: isTypedArray("Float64Array"),
  isGeneratorFunction: isFunctionWithTag("GeneratorFunction", "AsyncGeneratorFunction"),
  isGeneratorObject: (value: unknown): boolean =>
    isObject(value) && ["Generator", "AsyncGenerator"].includes(tagOf(value)),
  isInt16Array: isTypedArray("Int16Array"),
  isInt32Array: isTypedArray("Int32Array"),
  isInt8Array: isTypedArray("Int8Array"),
  isKeyObject: (_value: unknown): boolean => false,
  isMap: brand(Map.prototype.has),
  isMapIterator: (value: unknown): boolean => isObject(value) && tagOf(value) === "Map Iterator",
  isModuleNamespaceObject: (value: unknown): boolean =>
    isObject(value) && Object.getPrototypeOf(value) === null && tagOf(value) === "Module",
  isNativeError: (value: unknown): boolean => isObject(value) && (value instanceof Error || tagOf(value) === "Error"),
  isNumberObject,
  isPromise: (value: unknown): boolean => isObject(value) && value instanceof Promise,
  isProxy: (_value: unknown): boolean => false,
  isRegExp: (value: unknown): boolean =>
    isObject(value) && value !== RegExp.prototype && brand(getter(RegExp.prototype, "global"))(value),
  isSet: brand(Set.prototype.has),
  isSetIterator: (value: unknown): boolean => isObject(value) && tagOf(value) === "Set Iterator",
  isSharedArrayBuffer: (_value: unknown): boolean => false,
  isStringObject,
  isSymbolObject,
  isTypedArray: (value: unknown): boolean => typedArrayName(value) !== undefined,
  isUint16Array: isTypedArray("Uint16Array"),
  isUint32Array: isTypedArray("Uint32Array"),
  isUint8Array: isTypedArray("Uint8Array"),
  isUint8ClampedArray: isTypedArray("Uint8ClampedArray"),
  isWeakMap: brand(WeakMap.prototype.has),
  isWeakSet: brand(WeakSet.prototype.has),
}
