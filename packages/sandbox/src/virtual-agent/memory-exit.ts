/** How the process says that it held too much memory. */
export const memoryExitCode = 86
