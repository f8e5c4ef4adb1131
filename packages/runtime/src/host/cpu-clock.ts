/**
 * CPU time of every thread but the main one, in milliseconds. Guests run only on other threads, one turn at a time, so while a turn runs
 * this is its CPU, garbage collection and compilation included, also when the machine is busy. (isolate.cpuTime is wall time.)
 */
export function guestCpuMs(): number {
  const whole = process.cpuUsage()
  const main = process.threadCpuUsage()
  return (whole.user + whole.system - main.user - main.system) / 1_000
}
