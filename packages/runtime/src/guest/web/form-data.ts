import { type Blob, blobBytes, File, isFile } from "./blob.ts"
import { forEachLive, iterateLive, requireArguments, requireFunction } from "./pair-list.ts"

export type FormDataValue = string | File
export type FormDataEntry = readonly [name: string, value: FormDataValue]

/** The entries in order, or null when `value` is not a FormData. The caller must not change them. */
export let formDataEntries: (value: unknown) => readonly FormDataEntry[] | null

/** https://xhr.spec.whatwg.org/#interface-formdata */
export class FormData {
  static {
    formDataEntries = (value) =>
      typeof value === "object" && value !== null && #entries in value ? value.#entries : null
  }

  #entries: FormDataEntry[] = []

  constructor(form?: unknown) {
    if (form !== undefined) throw new TypeError("FormData: there are no form elements here; pass no argument")
  }

  append(name: unknown, value: unknown, filename?: unknown): void {
    requireArguments(arguments.length, 2, "FormData.append")
    this.#entries.push(entryOf(name, value, filename))
  }

  delete(name: unknown): void {
    requireArguments(arguments.length, 1, "FormData.delete")
    const key = stringOf(name)
    this.#entries = this.#entries.filter(([other]) => other !== key)
  }

  get(name: unknown): FormDataValue | null {
    requireArguments(arguments.length, 1, "FormData.get")
    const key = stringOf(name)
    return this.#entries.find(([other]) => other === key)?.[1] ?? null
  }

  getAll(name: unknown): FormDataValue[] {
    requireArguments(arguments.length, 1, "FormData.getAll")
    const key = stringOf(name)
    return this.#entries.filter(([other]) => other === key).map(([, value]) => value)
  }

  has(name: unknown): boolean {
    requireArguments(arguments.length, 1, "FormData.has")
    const key = stringOf(name)
    return this.#entries.some(([other]) => other === key)
  }

  set(name: unknown, value: unknown, filename?: unknown): void {
    requireArguments(arguments.length, 2, "FormData.set")
    const entry = entryOf(name, value, filename)
    const first = this.#entries.findIndex(([other]) => other === entry[0])
    if (first === -1) {
      this.#entries.push(entry)
      return
    }
    this.#entries[first] = entry
    this.#entries = this.#entries.filter(([other], index) => index === first || other !== entry[0])
  }

  forEach(callback: unknown, thisArgument?: unknown): void {
    requireFunction(callback, "FormData.forEach")
    forEachLive(this.#live(), (name, value) => Reflect.apply(callback, thisArgument, [value, name, this]))
  }

  entries(): Generator<[string, FormDataValue]> {
    return iterateLive(this.#live(), ([name, value]) => [name, value])
  }

  keys(): Generator<string> {
    return iterateLive(this.#live(), ([name]) => name)
  }

  values(): Generator<FormDataValue> {
    return iterateLive(this.#live(), ([, value]) => value)
  }

  [Symbol.iterator](): Generator<[string, FormDataValue]> {
    return this.entries()
  }

  get [Symbol.toStringTag](): string {
    return "FormData"
  }

  #live(): () => readonly FormDataEntry[] {
    return () => this.#entries
  }
}

function entryOf(name: unknown, value: unknown, filename: unknown): FormDataEntry {
  const key = stringOf(name)
  if (blobBytes(value) === null) {
    if (filename !== undefined) throw new TypeError("FormData: a value with a file name must be a Blob")
    return [key, stringOf(value)]
  }
  if (isFile(value) && filename === undefined) return [key, value]
  const { type } = value as Blob
  const options = isFile(value) ? { type, lastModified: value.lastModified } : { type }
  return [key, new File([value], filename === undefined ? "blob" : stringOf(filename), options)]
}

function stringOf(value: unknown): string {
  return `${value as string}`.toWellFormed()
}
