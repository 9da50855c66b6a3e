import { tarGz, unicodeName, zipOf } from './archive-builder.ts';
import { corrupted, cut, noise, ok } from './hostile-archive.ts';
import type { HostileArchive } from './hostile-archive.ts';

const SYMLINK = 0o120777;

export const hostileZips: readonly HostileArchive[] = [
  {
    title: 'a name with ..',
    bytes: () => zipOf([ok, { name: '../evil' }]),
    refusal: /"\.\.\/evil" leads out/,
  },
  { title: '.. in the middle', bytes: () => zipOf([ok, { name: 'a/../../evil' }]), refusal: /leads out/ },
  {
    title: 'an absolute name',
    bytes: (outside) => zipOf([ok, { name: `${outside}/evil` }]),
    refusal: /absolute/,
  },
  { title: 'backslashes', bytes: () => zipOf([ok, { name: '..\\..\\evil' }]), refusal: /backslash/ },
  { title: 'a drive', bytes: () => zipOf([ok, { name: 'D:/evil' }]), refusal: /drive/ },
  { title: 'a NUL in a name', bytes: () => zipOf([ok, { name: 'ok\0.txt' }]), refusal: /control character/ },
  { title: 'an empty name', bytes: () => zipOf([ok, { name: '' }]), refusal: /no name/ },
  {
    title: 'an absolute link',
    bytes: (outside) => zipOf([ok, { name: 'l', body: outside, mode: SYMLINK }]),
    refusal: /"l" is a link to/,
  },
  {
    title: 'a link upwards',
    bytes: () => zipOf([ok, { name: 'a/l', body: '../../x', mode: SYMLINK }]),
    refusal: /is a link/,
  },
  {
    title: 'a link from a system without links',
    bytes: () => zipOf([ok, { name: 'l', body: '/etc', mode: SYMLINK, madeBy: 20 }]),
    refusal: /is a link/,
  },
  {
    title: 'a link named like a directory',
    bytes: () => zipOf([ok, { name: 'l/', body: '/etc', mode: SYMLINK }]),
    refusal: /is a link/,
  },
  {
    title: 'a link with an endless target',
    bytes: () => zipOf([ok, { name: 'l', body: 'x/'.repeat(5000), mode: SYMLINK }]),
    refusal: /too long a target/,
  },
  {
    title: 'writing through a link',
    bytes: (outside) =>
      zipOf([ok, { name: 'l', body: outside, mode: SYMLINK }, { name: 'l/evil', body: 'evil' }]),
    refusal: /would be written through/,
  },
  { title: 'a device', bytes: () => zipOf([ok, { name: 'dev', mode: 0o020666 }]), refusal: /a device/ },
  { title: 'a FIFO', bytes: () => zipOf([ok, { name: 'pipe', mode: 0o010666 }]), refusal: /a FIFO/ },
  { title: 'a socket', bytes: () => zipOf([ok, { name: 'sock', mode: 0o140666 }]), refusal: /a socket/ },
  {
    title: 'an encrypted entry',
    bytes: () => zipOf([ok, { name: 'secret', body: 'x', flags: 0x801 }]),
    refusal: /encrypted/,
  },
  {
    title: 'an unknown compression',
    bytes: () => zipOf([ok, { name: 'f', body: 'x', method: 14 }]),
    refusal: /method 14/,
  },
  {
    title: 'a body longer than it claims',
    bytes: () => zipOf([ok, { name: 'f', body: 'x'.repeat(9999), claimed: 5 }]),
    refusal: /not a whole \.zip|longer/,
  },
  {
    title: 'a body shorter than it claims',
    bytes: () => zipOf([ok, { name: 'f', body: 'x', claimed: 500 }]),
    refusal: /not a whole \.zip|shorter/,
  },
  {
    title: 'a wrong checksum',
    bytes: () => zipOf([ok, { name: 'f', body: 'x', sum: 7 }]),
    refusal: /"f" is damaged/,
  },
  {
    title: 'a body that is no deflate',
    bytes: () => corrupted(zipOf([{ name: 'f', body: noise(3000) }])),
    refusal: /not a whole|damaged/,
  },
  { title: 'more entries than there are', bytes: () => zipOf([ok], 5), refusal: /not a whole \.zip/ },
  { title: 'a name twice', bytes: () => zipOf([ok, ok]), refusal: /"ok\.txt" is there twice/ },
  {
    title: 'a second name that leads out',
    bytes: () => zipOf([ok, { name: 'f', extra: unicodeName('f', '../evil') }]),
    refusal: /"\.\.\/evil" leads out/,
  },
  {
    title: 'half an archive',
    bytes: () => cut(zipOf([{ name: 'f', body: noise(4000) }])),
    refusal: /not a whole \.zip/,
  },
  {
    title: 'two letters and rubbish',
    bytes: () => Buffer.from(`PK${'x'.repeat(500)}`),
    refusal: /not a whole \.zip/,
  },
  { title: 'another type', bytes: () => tarGz([ok]), refusal: /does not begin like one; expected zip data/ },
  {
    title: 'a wrong name before the body',
    bytes: () => zipOf([ok, { name: 'f', body: 'x', localName: '../../evil' }]),
  },
  { title: 'setuid bits', bytes: () => zipOf([{ name: 'su', body: 'x', mode: 0o106755 }]) },
  {
    title: 'names that differ in case',
    bytes: () =>
      zipOf([
        { name: 'A', body: '1' },
        { name: 'a', body: '2' },
      ]),
  },
];
