import { absent, denied, families, newNamespaces, terminalInjections } from "../bubblewrap/syscall-filter.ts"

interface ProfileRule {
  readonly names: readonly string[]
  readonly action: "SCMP_ACT_ERRNO"
  readonly errnoRet: number
  readonly args?: readonly Condition[]
}

interface Condition {
  readonly index: number
  readonly value: number
  readonly valueTwo?: number
  readonly op: "SCMP_CMP_EQ" | "SCMP_CMP_GT" | "SCMP_CMP_MASKED_EQ"
}

const architectures: Readonly<Record<string, string>> = { x64: "SCMP_ARCH_X86_64", arm64: "SCMP_ARCH_AARCH64" }
const notPermitted = 1
const noSuchCall = 38
const noSuchFamily = 97

/**
 * The filter of the other provider in the engine's words, so that a guest finds the same system in both. The engine's own would let AF_VSOCK through,
 * which no network namespace holds. Undefined on a processor that it does not know.
 */
export function seccompProfile(arch: string = process.arch): string | undefined {
  const architecture = architectures[arch]
  if (architecture === undefined) return undefined
  const rules: ProfileRule[] = [
    rule(Object.keys(denied), notPermitted),
    rule(Object.keys(absent), noSuchCall),
    ...namespaceBits().map((bit) =>
      rule(["clone"], notPermitted, { index: 0, value: bit, valueTwo: bit, op: "SCMP_CMP_MASKED_EQ" }),
    ),
    ...terminalInjections.map((value) =>
      rule(["ioctl"], notPermitted, { index: 1, value: 0xffffffff, valueTwo: value, op: "SCMP_CMP_MASKED_EQ" }),
    ),
    ...["socket", "socketpair"].flatMap(otherFamilies),
  ]
  return JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", architectures: [architecture], syscalls: rules })
}

function rule(names: readonly string[], errnoRet: number, ...args: readonly Condition[]): ProfileRule {
  return { names, action: "SCMP_ACT_ERRNO", errnoRet, ...(args.length === 0 ? {} : { args }) }
}

function namespaceBits(): number[] {
  return Array.from({ length: 31 }, (_none, bit) => 2 ** bit).filter((bit) => (newNamespaces & bit) !== 0)
}

function otherFamilies(name: string): ProfileRule[] {
  const largest = Math.max(...families)
  const others = Array.from({ length: largest }, (_none, family) => family).filter(
    (family) => !families.includes(family),
  )
  return [
    ...others.map((value) => rule([name], noSuchFamily, { index: 0, value, op: "SCMP_CMP_EQ" })),
    rule([name], noSuchFamily, { index: 0, value: largest, op: "SCMP_CMP_GT" }),
  ]
}
