import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forbiddenKind, isWithin, parseAddressRange } from '../../src/domain/address.ts';

const kinds: readonly (readonly [address: string, kind: string])[] = [
  ['0.0.0.0', 'an unspecified address'],
  ['0.1.2.3', 'an unspecified address'],
  ['127.0.0.1', 'a loopback address'],
  ['127.255.255.254', 'a loopback address'],
  ['10.0.0.1', 'a private address'],
  ['172.16.0.1', 'a private address'],
  ['172.31.255.255', 'a private address'],
  ['192.168.1.1', 'a private address'],
  ['169.254.0.1', 'a link-local address'],
  ['169.254.169.254', 'a metadata address'],
  ['169.254.170.2', 'a metadata address'],
  ['100.100.100.200', 'a metadata address'],
  ['168.63.129.16', 'a metadata address'],
  ['192.0.0.192', 'a metadata address'],
  ['100.64.0.1', 'a carrier-grade NAT address'],
  ['100.127.255.255', 'a carrier-grade NAT address'],
  ['224.0.0.1', 'a multicast address'],
  ['239.255.255.255', 'a multicast address'],
  ['255.255.255.255', 'a broadcast address'],
  ['240.0.0.1', 'a reserved address'],
  ['192.0.2.1', 'a reserved address'],
  ['198.18.0.1', 'a reserved address'],
  ['198.51.100.7', 'a reserved address'],
  ['203.0.113.7', 'a reserved address'],
  ['::', 'an unspecified address'],
  ['::1', 'a loopback address'],
  ['::ffff:127.0.0.1', 'an IPv4-mapped address'],
  ['::ffff:8.8.8.8', 'an IPv4-mapped address'],
  ['::ffff:7f00:1', 'an IPv4-mapped address'],
  ['::ffff:0:127.0.0.1', 'an IPv4-translated address'],
  // ipaddr.js reads this spelling so; what matters is that it does not pass.
  ['::127.0.0.1', 'an IPv4-mapped address'],
  ['::7f00:1', 'an IPv4-compatible address'],
  ['::a00:1', 'an IPv4-compatible address'],
  ['64:ff9b::127.0.0.1', 'a NAT64 address'],
  ['64:ff9b:1::10.0.0.1', 'a NAT64 address'],
  ['2002:7f00:1::', 'a 6to4 address'],
  ['2002:a00:1::1', 'a 6to4 address'],
  ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'a Teredo address'],
  ['fe80::1', 'a link-local address'],
  ['fe80::1%eth0', 'a link-local address'],
  ['febf::1', 'a link-local address'],
  ['fec0::1', 'a private address'],
  ['fc00::1', 'a private address'],
  ['fdff::1', 'a private address'],
  ['fd00:ec2::254', 'a metadata address'],
  ['ff02::1', 'a multicast address'],
  ['2001:db8::1', 'a reserved address'],
  ['3fff::1', 'a reserved address'],
  ['100::1', 'a reserved address'],
  ['4000::1', 'a reserved address'],
  ['localhost', 'not an address'],
  ['', 'not an address'],
];

test('only public addresses pass; every other is called by its kind', () => {
  for (const [address, kind] of kinds) assert.equal(forbiddenKind(address), kind, address);
  for (const address of [
    '8.8.8.8',
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '11.0.0.1',
    '2606:4700:4700::1111',
    '2a00:1450::1',
  ]) {
    assert.equal(forbiddenKind(address), undefined, address);
  }
});

test('a range holds its addresses, of its own kind only', () => {
  const range = parseAddressRange('10.1.0.0/16');
  assert.ok(range);
  assert.ok(isWithin('10.1.255.255', range));
  assert.ok(!isWithin('10.2.0.0', range));
  assert.ok(!isWithin('::ffff:10.1.0.1', range));
  assert.ok(!isWithin('rubbish', range));
  assert.deepEqual(parseAddressRange('::1'), { base: '::1', bits: 128 });
  for (const text of ['10.1', '10.0.0.0/33', '10.0.0.0/', '0x7f.1', '2130706433', 'host', '']) {
    assert.equal(parseAddressRange(text), undefined, text);
  }
});
