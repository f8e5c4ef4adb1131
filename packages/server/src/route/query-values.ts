import { z } from "zod"
import { documented } from "./documented.ts"

/** A whole number in a query. */
export function wholeNumber(min: number, max: number) {
  const problem = `must be a whole number from ${min} to ${max}`
  const text = z
    .string()
    .regex(/^\d{1,16}$/, problem)
    .transform(Number)
    .refine((value) => value >= min && value <= max, problem)
  return documented(text, z.int().min(min).max(max))
}

/** `true` or `false` in a query. */
export function flag() {
  const text = z.enum(["true", "false"], "must be true or false").transform((value) => value === "true")
  return documented(text, z.boolean())
}

/** A time in a query: epoch milliseconds or a date. */
export function time() {
  const text = z
    .string()
    .transform((value) => (/^\d{1,15}$/.test(value) ? Number(value) : Date.parse(value)))
    .refine((value) => !Number.isNaN(value), "must be epoch milliseconds or a date")
  return documented(text, z.union([z.int(), z.string()]).describe("Epoch milliseconds or a date."))
}
