import {
  assembleFilter,
  type FilterArch,
  type FilterLine,
  offsetOfArch,
  offsetOfArgument,
  offsetOfCall,
  verdicts,
} from "./filter-assembler.ts"

const auditArch: Readonly<Record<FilterArch, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 }

type Numbers = readonly [x64: number | null, arm64: number | null]

/** Calls that ordinary programs don't make, and that have let others out of sandboxes. */
export const denied: Readonly<Record<string, Numbers>> = {
  // Other processes: the agent is one of them, with the same user.
  ptrace: [101, 117], process_vm_readv: [310, 270], process_vm_writev: [311, 271], kcmp: [312, 272], pidfd_getfd: [438, 438],
  process_madvise: [440, 440],
  // Namespaces and mounts.
  mount: [165, 40], umount2: [166, 39], pivot_root: [155, 41], chroot: [161, 51], setns: [308, 268], unshare: [272, 97],
  open_tree: [428, 428], open_tree_attr: [467, 467], move_mount: [429, 429], fsopen: [430, 430], fsconfig: [431, 431], fsmount: [432, 432],
  fspick: [433, 433], mount_setattr: [442, 442],
  // Kernel surface with a history.
  bpf: [321, 280], perf_event_open: [298, 241], userfaultfd: [323, 282], fanotify_init: [300, 262], add_key: [248, 217],
  request_key: [249, 218], keyctl: [250, 219], init_module: [175, 105], finit_module: [313, 273], delete_module: [176, 106],
  create_module: [174, null], query_module: [178, null], get_kernel_syms: [177, null], nfsservctl: [180, 42], kexec_load: [246, 104],
  kexec_file_load: [320, 294], reboot: [169, 142], swapon: [167, 224], swapoff: [168, 225], acct: [163, 89], quotactl: [179, 60],
  quotactl_fd: [443, 443], syslog: [103, 116], vhangup: [153, 58], settimeofday: [164, 170], clock_settime: [227, 112],
  clock_adjtime: [305, 266], adjtimex: [159, 171], sethostname: [170, 161], setdomainname: [171, 162], iopl: [172, null],
  ioperm: [173, null], modify_ldt: [154, null], open_by_handle_at: [304, 265], lookup_dcookie: [212, 18], move_pages: [279, 239],
  migrate_pages: [256, 238], mbind: [237, 235], set_mempolicy: [238, 237], set_mempolicy_home_node: [450, 450], uselib: [134, null],
  ustat: [136, null], sysfs: [139, null], _sysctl: [156, null], vserver: [236, null], lsm_set_self_attr: [460, 460],
} // oxfmt-ignore

/** Callers fall back when these "do not exist": clone3 hides its flags from a filter, io_uring goes around it. */
export const absent: Readonly<Record<string, Numbers>> = {
  clone3: [435, 435],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
}

const clone: Numbers = [56, 220]
const ioctl: Numbers = [16, 29]
const personality: Numbers = [135, 92]
const socket: Numbers = [41, 198]
const socketpair: Numbers = [53, 199]

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
export const newNamespaces = 0x7e020000
/** TIOCSTI and TIOCLINUX put words in a terminal's mouth. */
export const terminalInjections = [0x5412, 0x541c]
/** The usual one, a question, and a debugger's wish for stable addresses. */
const personalities = [0, 0xffffffff, 0x0040000]
/** UNIX, INET, INET6, NETLINK. Others reach past the network namespace: AF_VSOCK talks to the hypervisor. */
export const families = [1, 2, 10, 16]

const notPermitted = verdicts.error(1)
const noSuchCall = verdicts.error(38)
const noSuchFamily = verdicts.error(97)

/** The filter of sandboxes for this machine, or undefined on one that it does not know. What is not named here is allowed. */
export function syscallFilter(arch: string = process.arch): Buffer | undefined {
  if (arch !== "x64" && arch !== "arm64") return undefined
  const column = arch === "x64" ? 0 : 1
  return assembleFilter([
    { load: offsetOfArch },
    { test: "equal", value: auditArch[arch], then: "native" },
    { verdict: verdicts.kill },
    { label: "native" },
    { load: offsetOfCall },
    ...withoutX32(arch),
    ...Object.values(denied).flatMap((numbers) => refuse(numbers[column], notPermitted)),
    ...Object.values(absent).flatMap((numbers) => refuse(numbers[column], noSuchCall)),
    ...onArgument("clone", clone[column], 0, [
      { test: "any-bit", value: newNamespaces, otherwise: "allow-clone" },
      { verdict: notPermitted },
    ]),
    ...onArgument("ioctl", ioctl[column], 1, refusing(terminalInjections, "ioctl")),
    ...onArgument("personality", personality[column], 0, allowing(personalities, "personality", notPermitted)),
    ...onArgument("socket", socket[column], 0, allowing(families, "socket", noSuchFamily)),
    ...onArgument("socketpair", socketpair[column], 0, allowing(families, "socketpair", noSuchFamily)),
    { verdict: verdicts.allow },
  ])
}

/** The x32 table of numbers would be a way around every other line. */
function withoutX32(arch: FilterArch): FilterLine[] {
  if (arch !== "x64") return []
  return [{ test: "at-least", value: 0x40000000, otherwise: "not-x32" }, { verdict: noSuchCall }, { label: "not-x32" }]
}

function refuse(number: number | null, verdict: number): FilterLine[] {
  if (number === null) return []
  return [{ test: "equal", value: number, otherwise: `not-${number}` }, { verdict }, { label: `not-${number}` }]
}

/** Lines for one call that look at an argument. They end in a verdict, at the latest at `allow-NAME`. */
function onArgument(name: string, number: number | null, index: number, lines: readonly FilterLine[]): FilterLine[] {
  if (number === null) return []
  return [
    { test: "equal", value: number, otherwise: `not-${name}` },
    { load: offsetOfArgument(index) },
    ...lines,
    { label: `allow-${name}` },
    { verdict: verdicts.allow },
    { label: `not-${name}` },
  ]
}

function allowing(values: readonly number[], name: string, otherwise: number): FilterLine[] {
  const tests = values.map((value): FilterLine => ({ test: "equal", value, then: `allow-${name}` }))
  return [...tests, { verdict: otherwise }]
}

function refusing(values: readonly number[], name: string): FilterLine[] {
  return values.flatMap((value): FilterLine[] => [
    { test: "equal", value, otherwise: `${name}-is-not-${value}` },
    { verdict: notPermitted },
    { label: `${name}-is-not-${value}` },
  ])
}
