import { existsSync, lstatSync, readlinkSync } from "node:fs"
import { pipeFolder, pipesMadeBefore } from "../agent/pipe-names.ts"

/** Paths as bubblewrap sees them, which may lie in a stage that only it has. */
export interface ProfilePaths {
  readonly home: string
  readonly workspace: string
  readonly etc: string
  /** Files that it is given, by number. */
  readonly given: string
  readonly agent: string
  readonly node: string
  /** A device in place of a /dev/null that ordinary users may not write to, as some virtual machines have it. */
  readonly null: string | undefined
}

export interface ProfileOptions {
  readonly paths: ProfilePaths
  readonly environment: Readonly<Record<string, string>>
  readonly tmpBytes: number
  readonly maxProcesses: number
  /** Largest file that may be written; null where the disk itself has an end. */
  readonly maxFileBytes: number | null
  readonly hostname: string
  /** A network namespace of its own was made before. */
  readonly hasNetwork: boolean
  /** Where the given files are, inside. */
  readonly given: readonly string[]
}

/** Descriptors that bubblewrap is given. All others are closed before. */
export const descriptors = { arguments: 3, link: 4, filter: 5 } as const

export const sandboxUser = 1_000

/** What guests see of /etc besides the files that are written for each sandbox. Nothing here says anything of the host's users. */
const sharedEtc = [
  "alternatives",
  "ca-certificates",
  "ca-certificates.conf",
  "debian_version",
  "fonts",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "localtime",
  "magic",
  "matplotlibrc",
  "mime.types",
  "os-release",
  "perl",
  "profile",
  "protocols",
  "python3",
  "python3.11",
  "services",
  "ssl",
  "terminfo",
]

/** Small files of a sandbox's own /etc. */
export function etcFiles(hostname: string): Readonly<Record<string, string>> {
  return {
    passwd: `root:x:0:0:root:/nonexistent:/usr/sbin/nologin\nuser:x:${sandboxUser}:${sandboxUser}:user:/home/user:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n`,
    group: `root:x:0:\nuser:x:${sandboxUser}:\nnogroup:x:65534:\n`,
    hosts: `127.0.0.1 localhost ${hostname}\n::1 localhost\n`,
    hostname: `${hostname}\n`,
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    gitconfig: "[safe]\n\tdirectory = *\n[init]\n\tdefaultBranch = main\n",
  }
}

/** bubblewrap's arguments. They go through a descriptor, or every process in the sandbox could read them in /proc/1/cmdline. */
export function bubblewrapArguments(options: ProfileOptions): string[] {
  const { paths, environment, tmpBytes, hostname, hasNetwork } = options
  return [
    "--unshare-user",
    "--unshare-pid",
    ...(hasNetwork ? [] : ["--unshare-net"]),
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--uid",
    String(sandboxUser),
    "--gid",
    String(sandboxUser),
    "--disable-userns",
    "--assert-userns-disabled",
    "--die-with-parent",
    "--new-session",
    "--hostname",
    hostname,
    "--clearenv",
    ...Object.entries(environment).flatMap(([name, value]) => ["--setenv", name, value]),
    ...readOnlySystem(),

    "--dir",
    "/etc",
    ...Object.keys(etcFiles(hostname)).flatMap((name) => readOnly(`${paths.etc}/${name}`, `/etc/${name}`)),
    ...sharedEtc.flatMap((name) => ["--ro-bind-try", `/etc/${name}`, `/etc/${name}`]),
    // A second wall: as another user than root nothing in there can be written anyway.
    "--proc",
    "/proc",
    "--ro-bind",
    "/proc/sys",
    "/proc/sys",
    "--dev",
    "/dev",
    ...(paths.null === undefined ? [] : ["--dev-bind", paths.null, "/dev/null"]),
    ...temporary("/dev/shm", 64 << 20, "1777"),
    ...temporary("/tmp", tmpBytes, "1777"),
    "--dir",
    "/var",
    "--symlink",
    "/tmp",
    "/var/tmp",
    "--dir",
    "/var/lib",
    "--dir",
    "/var/cache",
    ...temporary("/run", 1 << 20, "755"),
    "--perms",
    "700",
    "--dir",
    pipeFolder,
    ...options.given.flatMap((path, index) => readOnly(`${paths.given}/${index}`, path)),
    "--dir",
    "/home",
    "--bind",
    paths.home,
    "/home/user",
    "--bind",
    paths.workspace,
    "/workspace",
    "--dir",
    "/.mayfly",
    "--dir",
    "/.mayfly/bin",
    ...readOnly(paths.agent, "/.mayfly/agent"),
    ...readOnly(paths.node, "/.mayfly/bin/node"),
    "--remount-ro",
    "/",
    "--cap-drop",
    "ALL",
    "--chdir",
    "/workspace",
    "--seccomp",
    String(descriptors.filter),
  ]
}

/** What bubblewrap starts. It says nothing of the host: everybody inside can read it. */
export function agentCommand({ maxProcesses, maxFileBytes }: ProfileOptions): string[] {
  return [
    // Inside, so that it counts the processes of this sandbox alone.
    "/usr/bin/prlimit",
    `--nproc=${maxProcesses}`,
    "--core=0",
    ...(maxFileBytes === null ? [] : [`--fsize=${maxFileBytes}`]),
    "/bin/sh",
    "-c",
    // As a grandchild: its end is for the first process of the sandbox to notice, not for the agent.
    `(mkfifo -m 600 ${pipesMadeBefore.join(" ")} &); exec "$@"`,
    "sh",
    "/.mayfly/bin/node",
    "--max-old-space-size=96",
    "--v8-pool-size=0",
    "--disable-sigusr1",
    "--no-warnings",
    "/.mayfly/agent/agent.cjs",
  ]
}

function readOnly(from: string, to: string): string[] {
  return ["--ro-bind", from, to]
}

function temporary(path: string, bytes: number, mode: string): string[] {
  return ["--perms", mode, "--size", String(bytes), "--tmpfs", path]
}

/** The host's programs. /bin and others are links into /usr on most systems, and folders of their own on some. */
function readOnlySystem(): string[] {
  const folders = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"].filter((path) => existsSync(path))
  return [
    ...readOnly("/usr", "/usr"),
    ...folders.flatMap((path) =>
      lstatSync(path).isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : readOnly(path, path),
    ),
  ]
}
