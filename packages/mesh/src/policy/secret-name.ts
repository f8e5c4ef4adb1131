import { invalidField, readText } from "./read-field.ts"

const secretName = /^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/

export function isSecretName(name: string): boolean {
  return secretName.test(name)
}

/** Throws `input.invalid`. */
export function readSecretName(value: unknown, field: string): string {
  const name = readText(value, field)
  if (isSecretName(name)) return name
  throw invalidField(field, `must be a secret's name: letters, digits, "_", "." and "-", not starting with a digit`)
}
