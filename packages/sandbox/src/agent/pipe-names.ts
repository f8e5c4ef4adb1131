export const pipeFolder = "/run/agent"

/** Made by whoever starts the agent, in this order, while it starts. */
export const pipesMadeBefore: readonly string[] = Array.from({ length: 32 }, (_, index) => `${pipeFolder}/${index}`)
