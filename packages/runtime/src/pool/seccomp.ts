// A seccomp filter for host and compiler processes, assembled here so that nothing native is needed to make it. The format is the kernel's
// struct sock_filter (linux/filter.h), which bubblewrap reads from a descriptor.

type Arch = "x64" | "arm64"

const auditArch: Readonly<Record<Arch, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 }

/** Calls that a process of ours never makes: numbers on x64 and arm64, null where a call does not exist. */
const denied: Readonly<Record<string, readonly [number | null, number | null]>> = {
  // Network.
  socket: [41, 198], socketpair: [53, 199], connect: [42, 203], bind: [49, 200], listen: [50, 201], accept: [43, 202], accept4: [288, 242],
  // Other processes and their memory.
  ptrace: [101, 117], process_vm_readv: [310, 270], process_vm_writev: [311, 271], kcmp: [312, 272], pidfd_open: [434, 434],
  pidfd_getfd: [438, 438], pidfd_send_signal: [424, 424], process_madvise: [440, 440], fork: [57, null], vfork: [58, null], execveat: [322, 281],
  // Namespaces and mounts.
  mount: [165, 40], umount2: [166, 39], pivot_root: [155, 41], chroot: [161, 51], setns: [308, 268], unshare: [272, 97],
  open_tree: [428, 428], move_mount: [429, 429], fsopen: [430, 430], fsconfig: [431, 431], fsmount: [432, 432], fspick: [433, 433],
  mount_setattr: [442, 442],
  // Kernel surface with a history.
  bpf: [321, 280], perf_event_open: [298, 241], userfaultfd: [323, 282], fanotify_init: [300, 262], keyctl: [250, 219], add_key: [248, 217],
  request_key: [249, 218], init_module: [175, 105], finit_module: [313, 273], delete_module: [176, 106], kexec_load: [246, 104],
  kexec_file_load: [320, 294], reboot: [169, 142], swapon: [167, 224], swapoff: [168, 225], acct: [163, 89], quotactl: [179, 60],
  syslog: [103, 116], settimeofday: [164, 170], clock_settime: [227, 112], clock_adjtime: [305, 266], adjtimex: [159, 171],
  sethostname: [170, 161], setdomainname: [171, 162], iopl: [172, null], ioperm: [173, null], modify_ldt: [154, null],
  personality: [135, 92], open_by_handle_at: [304, 265], name_to_handle_at: [303, 264], move_pages: [279, 239], migrate_pages: [256, 238],
  mbind: [237, 235], set_mempolicy: [238, 237], get_mempolicy: [239, 236], memfd_secret: [447, 447], vmsplice: [278, 75], tee: [276, 77],
  splice: [275, 76], timer_create: [222, 107],
  // Changes to files: everything is mounted read-only, this is the second wall.
  link: [86, null], linkat: [265, 37], symlink: [88, null], symlinkat: [266, 36], rename: [82, null], renameat: [264, 38], renameat2: [316, 276],
  unlink: [87, null], unlinkat: [263, 35], rmdir: [84, null], mkdir: [83, null], mkdirat: [258, 34], mknod: [133, null], mknodat: [259, 33],
  chmod: [90, null], fchmod: [91, 52], fchmodat: [268, 53], chown: [92, null], fchown: [93, 55], lchown: [94, null], fchownat: [260, 54],
  truncate: [76, 45], creat: [85, null], setxattr: [188, 5], lsetxattr: [189, 6], fsetxattr: [190, 7], removexattr: [197, 14],
  // Identity.
  setuid: [105, 146], setgid: [106, 144], setreuid: [113, 145], setregid: [114, 143], setresuid: [117, 147], setresgid: [119, 149],
  setgroups: [116, 159], capset: [126, 91],
  // System V and POSIX queues.
  shmget: [29, 194], shmat: [30, 196], shmctl: [31, 195], semget: [64, 190], msgget: [68, 186], mq_open: [240, 180],
} // oxfmt-ignore

/** Callers fall back when these "do not exist". */
const missing: Readonly<Record<string, readonly [number, number]>> = {
  clone3: [435, 435],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
}

const clone: readonly [number, number] = [56, 220]
const ioctl: readonly [number, number] = [16, 29]
const cloneThread = 0x00010000
const terminalInjection = 0x5412

const load = 0x20
const jumpIfEqual = 0x15
const jumpIfAtLeast = 0x35
const jumpIfAnyBit = 0x45
const answer = 0x06
const allow = 0x7fff0000
const kill = 0x80000000
const errno = (code: number): number => 0x00050000 | code
const notPermitted = errno(1)
const noSuchCall = errno(38)

const offsetOfCall = 0
const offsetOfArch = 4
const offsetOfArgument = (index: number): number => 16 + 8 * index

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number]

/** What a process needs that keeps a database: its log goes when it is closed. */
const deletions = new Set(["unlink", "unlinkat"])

/**
 * The filter's bytes for this machine, or undefined on one that it does not know. Threads may be made, processes not. `deletes`: it may delete the
 * files that it sees writable.
 */
export function seccompFilter(arch: string = process.arch, deletes = false): Buffer | undefined {
  if (arch !== "x64" && arch !== "arm64") return undefined
  const column = arch === "x64" ? 0 : 1
  const program: Instruction[] = [
    [load, 0, 0, offsetOfArch],
    [jumpIfEqual, 1, 0, auditArch[arch]],
    [answer, 0, 0, kill],
    [load, 0, 0, offsetOfCall],
  ]
  // The x32 table would be a way around every number below.
  if (arch === "x64") program.push([jumpIfAtLeast, 0, 1, 0x40000000], [answer, 0, 0, noSuchCall])
  for (const [name, numbers] of Object.entries(denied)) {
    if (!deletes || !deletions.has(name)) program.push(...ifCall(numbers[column], notPermitted))
  }
  for (const numbers of Object.values(missing)) program.push(...ifCall(numbers[column], noSuchCall))
  program.push(
    [jumpIfEqual, 0, 4, clone[column] as number],
    [load, 0, 0, offsetOfArgument(0)],
    [jumpIfAnyBit, 1, 0, cloneThread],
    [answer, 0, 0, notPermitted],
    [answer, 0, 0, allow],
    [jumpIfEqual, 0, 4, ioctl[column] as number],
    [load, 0, 0, offsetOfArgument(1)],
    [jumpIfEqual, 0, 1, terminalInjection],
    [answer, 0, 0, notPermitted],
    [answer, 0, 0, allow],
    [answer, 0, 0, allow],
  )
  return assemble(program)
}

function ifCall(number: number | null | undefined, verdict: number): Instruction[] {
  if (number === null || number === undefined) return []
  return [
    [jumpIfEqual, 0, 1, number],
    [answer, 0, 0, verdict],
  ]
}

function assemble(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8)
  program.forEach(([code, ifTrue, ifFalse, value], index) => {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(ifTrue, index * 8 + 2)
    bytes.writeUInt8(ifFalse, index * 8 + 3)
    bytes.writeUInt32LE(value >>> 0, index * 8 + 4)
  })
  return bytes
}
