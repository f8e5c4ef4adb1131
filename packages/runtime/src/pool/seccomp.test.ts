import assert from "node:assert/strict"
import { test } from "node:test"
import { seccompFilter } from "./seccomp.ts"

const allow = 0x7fff0000
const notPermitted = 0x00050001
const noSuchCall = 0x00050026
const kill = 0x80000000
const x64 = 0xc000003e

/** Runs the filter as the kernel would (Documentation/networking/filter.rst), for one system call. */
function verdict(call: number, args: readonly number[] = [], arch = x64): number {
  const filter = seccompFilter("x64")
  assert.ok(filter)
  const data = Buffer.alloc(64)
  data.writeInt32LE(call, 0)
  data.writeUInt32LE(arch, 4)
  args.forEach((value, index) => data.writeBigUInt64LE(BigInt(value), 16 + 8 * index))
  let accumulator = 0
  for (let at = 0; at * 8 < filter.length; at++) {
    const [code, yes, no, value] = [
      filter.readUInt16LE(at * 8),
      filter[at * 8 + 2],
      filter[at * 8 + 3],
      filter.readUInt32LE(at * 8 + 4),
    ]
    if (code === 0x06) return value
    if (code === 0x20) accumulator = data.readUInt32LE(value)
    else {
      const holds =
        code === 0x15 ? accumulator === value : code === 0x35 ? accumulator >= value : (accumulator & value) !== 0
      at += (holds ? yes : no) ?? 0
    }
  }
  return assert.fail("the filter ends without an answer")
}

test("seccompFilter lets Node work", () => {
  const calls = {
    read: 0,
    write: 1,
    mmap: 9,
    mprotect: 10,
    futex: 202,
    epoll_wait: 232,
    openat: 257,
    kill: 62,
    execve: 59,
    exit_group: 231,
  }
  for (const [name, call] of Object.entries(calls)) assert.equal(verdict(call), allow, name)
  assert.equal(verdict(56, [0x00010000]), allow, "clone of a thread")
  assert.equal(verdict(16, [0, 0x5401]), allow, "ioctl")
})

test("seccompFilter refuses network, processes, namespaces and the kernel's back doors", () => {
  const calls = {
    socket: 41,
    connect: 42,
    ptrace: 101,
    fork: 57,
    vfork: 58,
    unshare: 272,
    mount: 165,
    bpf: 321,
    userfaultfd: 323,
    keyctl: 250,
    unlink: 87,
  }
  for (const [name, call] of Object.entries(calls)) assert.equal(verdict(call), notPermitted, name)
  assert.equal(verdict(56, [0x11]), notPermitted, "clone of a process")
  assert.equal(verdict(16, [0, 0x5412]), notPermitted, "TIOCSTI")
  assert.equal(verdict(16, [0, 0x1_0000_5412]), notPermitted, "TIOCSTI with high bits, which the kernel ignores")
  for (const call of [435, 425, 426, 427]) assert.equal(verdict(call), noSuchCall)
})

test("seccompFilter closes the other tables of system calls", () => {
  assert.equal(verdict(0x40000000 + 41), noSuchCall)
  assert.equal(verdict(41, [], 0x40000003), kill)
})

test("seccompFilter knows arm64 and says when it does not know a machine", () => {
  assert.ok((seccompFilter("arm64")?.length ?? 0) > 500)
  assert.equal(seccompFilter("riscv64"), undefined)
})
