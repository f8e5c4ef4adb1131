import type { SandboxLimits } from "@mayfly/protocol"
import { etcFiles } from "../bubblewrap/bubblewrap-profile.ts"
import { processesOfOurs } from "../bubblewrap/resource-group.ts"
import { seccompProfile } from "./seccomp-profile.ts"

const mebibyte = 1_048_576
export const homeLabel = "dev.mayfly.home"
export const sandboxLabel = "dev.mayfly.sandbox"

/** Bash reaps what guests leave behind, and ends with the agent. The agent ends with its stdin, so with the supervisor. */
const firstProcess = `exec 3<&0; "$@" <&3 & exec 3<&- </dev/null >/dev/null 2>&1; wait $!`

export interface ContainerPlace {
  readonly workspace: string
  readonly home: string
  readonly etc: string
  readonly agent: string
  /** The file of a Node that the container is given, or undefined for the image's. */
  readonly node: string | undefined
  readonly user: number
}

export interface ContainerRequest {
  readonly id: string
  /** Whose sandboxes these are. */
  readonly owner: string
  readonly image: string
  readonly limits: SandboxLimits
  readonly place: ContainerPlace
  readonly hasUserMap: boolean
}

/** What the engine is asked for: no network, no rights, nothing to write but what is named here. */
export function containerOptions({ id, owner, image, limits, place, hasUserMap }: ContainerRequest): object {
  const { user } = place
  const memoryBytes = limits.memoryMb * mebibyte
  const diskBytes = limits.diskMb * mebibyte
  return {
    Image: image,
    Hostname: "sandbox",
    User: `${user}:${user}`,
    WorkingDir: "/workspace",
    Entrypoint: ["/bin/bash", "--norc", "--noprofile", "-c", firstProcess, "mayfly"],
    Cmd: [
      place.node === undefined ? "node" : "/.mayfly/bin/node",
      "--max-old-space-size=96",
      "--no-warnings",
      "/.mayfly/agent/agent.cjs",
    ],
    Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    Labels: { [homeLabel]: owner, [sandboxLabel]: id },
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: true,
    StdinOnce: true,
    Tty: false,
    NetworkDisabled: true,
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      NetworkMode: "none",
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges", `seccomp=${seccompProfile() ?? ""}`],
      ReadonlyRootfs: true,
      Privileged: false,
      IpcMode: "private",
      ...(hasUserMap ? { UsernsMode: "host" } : {}),
      Memory: memoryBytes,
      MemorySwap: memoryBytes,
      NanoCpus: Math.round(limits.cpus * 1e9),
      PidsLimit: limits.processes + processesOfOurs,
      Ulimits: [
        { Name: "core", Soft: 0, Hard: 0 },
        { Name: "fsize", Soft: diskBytes, Hard: diskBytes },
      ],
      ShmSize: 64 * mebibyte,
      Tmpfs: {
        "/tmp": `rw,exec,nosuid,nodev,mode=1777,size=${Math.min(256, Math.floor(limits.memoryMb / 2)) * mebibyte}`,
        "/run": `rw,noexec,nosuid,nodev,mode=755,uid=${user},gid=${user},size=${mebibyte}`,
      },
      Mounts: mountsOf(place),
      RestartPolicy: { Name: "no" },
      LogConfig: { Type: "none" },
    },
  }
}

const environment: Readonly<Record<string, string>> = {
  PATH: "/usr/local/bin:/usr/bin:/bin:/.mayfly/bin",
  HOME: "/home/user",
  USER: "user",
  LOGNAME: "user",
  LANG: "C.UTF-8",
  TERM: "dumb",
  MAYFLY_LINK: "0,1",
}

/** Small files of a container's own /etc. */
export function containerEtc(user: number): Readonly<Record<string, string>> {
  const { passwd = "", group = "", ...rest } = etcFiles("sandbox")
  return { ...rest, passwd: passwd.replaceAll(":1000", `:${user}`), group: group.replaceAll(":1000", `:${user}`) }
}

function mountsOf({ workspace, home, etc, agent, node, user }: ContainerPlace): object[] {
  const mount = (Source: string, Target: string, ReadOnly: boolean): object => ({
    Type: "bind",
    Source,
    Target,
    ReadOnly,
    BindOptions: { Propagation: "rprivate" },
  })
  return [
    mount(workspace, "/workspace", false),
    mount(home, "/home/user", false),
    mount(agent, "/.mayfly/agent", true),
    ...(node === undefined ? [] : [mount(node, "/.mayfly/bin/node", true)]),
    ...Object.keys(containerEtc(user))
      .filter((name) => name !== "hostname")
      .map((name) => mount(`${etc}/${name}`, `/etc/${name}`, true)),
  ]
}
