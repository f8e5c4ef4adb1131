export interface DockerOptions {
  /** The engine's socket on this machine. Default: DOCKER_HOST when it is one, else /var/run/docker.sock. */
  readonly socketPath?: string
  /** What sandboxes see as their system; it needs bash, tar, mkfifo and stty. Default "node:24-bookworm". It is never pulled. */
  readonly image?: string
  /** Which Node runs the agent: the one of this process, whose file the container is given, or the image's. Default "host" on Linux. */
  readonly node?: "host" | "image"
}
