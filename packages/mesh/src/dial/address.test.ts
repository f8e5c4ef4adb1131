import assert from "node:assert/strict"
import { test } from "node:test"
import { classifyAddress, mayDial } from "./address.ts"

test("classifyAddress knows what is not public", () => {
  const classes = {
    "8.8.8.8": "public",
    "2606:4700::1111": "public",
    "::ffff:8.8.8.8": "public",
    "64:ff9b::808:808": "public",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "::1": "loopback",
    "::ffff:127.0.0.1": "loopback",
    "10.1.2.3": "private",
    "172.31.0.1": "private",
    "192.168.1.1": "private",
    "::ffff:10.0.0.1": "private",
    "fd12::1": "private",
    "100.64.0.1": "shared",
    "169.254.1.1": "link-local",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "169.254.169.254": "metadata",
    "::ffff:169.254.169.254": "metadata",
    "168.63.129.16": "metadata",
    "100.100.100.200": "metadata",
    "fd00:ec2::254": "metadata",
    "224.0.0.1": "multicast",
    "ff02::1": "multicast",
    "0.0.0.0": "reserved",
    "0.1.2.3": "reserved",
    "::": "reserved",
    "255.255.255.255": "reserved",
    "192.0.2.1": "reserved",
    "198.18.0.1": "reserved",
    "240.0.0.1": "reserved",
    "::127.0.0.1": "reserved",
    "::7f00:1": "reserved",
    "64:ff9b::7f00:1": "reserved",
    "64:ff9b::a9fe:a9fe": "reserved",
    "64:ff9b:1::a00:1": "reserved",
    "2002:7f00:1::": "reserved",
    "2002:808:808::": "reserved",
    "2001::1": "reserved",
    "2001:db8::1": "reserved",
    "fec0::1": "reserved",
    "4000::1": "reserved",
    "not an address": "reserved",
    "": "reserved",
  }
  const found = Object.fromEntries(Object.keys(classes).map((address) => [address, classifyAddress(address)]))
  assert.deepEqual(found, classes)
})

test("mayDial opens private networks only to rules that name the host", () => {
  const named = { namesHost: true, isLiteral: false }
  const unnamed = { namesHost: false, isLiteral: true }
  for (const address of ["127.0.0.1", "10.0.0.1", "100.64.0.1", "fd12::1"]) {
    assert.equal(mayDial(address, named), true, address)
    assert.equal(mayDial(address, unnamed), false, address)
  }
  assert.equal(mayDial("8.8.8.8", { namesHost: false, isLiteral: false }), true)
})

test("mayDial lets no name lead to metadata, link-local or reserved addresses", () => {
  for (const address of ["169.254.169.254", "168.63.129.16", "fe80::1", "0.0.0.0", "64:ff9b::7f00:1"]) {
    assert.equal(mayDial(address, { namesHost: true, isLiteral: false }), false, address)
    assert.equal(mayDial(address, { namesHost: true, isLiteral: true }), true, address)
    assert.equal(mayDial(address, { namesHost: false, isLiteral: true }), false, address)
  }
  assert.equal(mayDial("224.0.0.1", { namesHost: true, isLiteral: true }), false)
})
