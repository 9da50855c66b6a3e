import { gzipSync } from 'node:zlib';
import { tar, tarGz } from './archive-builder.ts';
import { cut, noise, ok } from './hostile-archive.ts';
import type { HostileArchive } from './hostile-archive.ts';

const symlink = (name: string, link: string) => ({ name, type: '2', link });

export const hostileTars: readonly HostileArchive[] = [
  {
    title: 'a name with ..',
    bytes: () => tarGz([ok, { name: '../evil' }]),
    refusal: /"\.\.\/evil" leads out/,
  },
  { title: '.. after a directory', bytes: () => tarGz([ok, { name: 'a/../../evil' }]), refusal: /leads out/ },
  { title: '.. that would come back', bytes: () => tarGz([{ name: 'a/../ok' }]), refusal: /leads out/ },
  {
    title: 'the parent as directory',
    bytes: () => tarGz([ok, { name: '../', type: '5' }]),
    refusal: /leads out/,
  },
  {
    title: 'an absolute name',
    bytes: (outside) => tarGz([ok, { name: `${outside}/evil` }]),
    refusal: /absolute/,
  },
  {
    title: 'two slashes',
    bytes: (outside) => tarGz([ok, { name: `/${outside}/evil` }]),
    refusal: /absolute/,
  },
  { title: 'backslashes', bytes: () => tarGz([ok, { name: '..\\evil' }]), refusal: /backslash/ },
  { title: 'a drive', bytes: () => tarGz([ok, { name: 'C:/evil' }]), refusal: /drive/ },
  { title: "a drive's own directory", bytes: () => tarGz([ok, { name: 'c:evil' }]), refusal: /drive/ },
  {
    title: 'an absolute link',
    bytes: (outside) => tarGz([ok, symlink('l', outside)]),
    refusal: /"l" is a link to/,
  },
  {
    title: 'a link upwards',
    bytes: () => tarGz([ok, symlink('a/l', '../../outside')]),
    refusal: /"a\/l" is a link/,
  },
  {
    title: 'a link that goes down before up',
    bytes: () => tarGz([ok, symlink('l', 'a/../../outside')]),
    refusal: /is a link/,
  },
  {
    title: 'a link to nothing',
    bytes: () => tarGz([ok, { name: 'l', type: '2', pax: { linkpath: '.\\..' }, link: 'x' }]),
    refusal: /is a link/,
  },
  {
    title: 'writing through a link that leads out',
    bytes: (outside) => tarGz([ok, symlink('l', outside), { name: 'l/evil', body: 'evil' }]),
    refusal: /"l\/evil" would be written through "l"/,
  },
  {
    title: 'writing through a link that stays inside',
    bytes: () => tarGz([{ name: 'd/', type: '5' }, symlink('l', 'd'), { name: 'l/x', body: 'x' }]),
    refusal: /would be written through/,
  },
  {
    title: 'a link made after what lies beneath it',
    bytes: (outside) => tarGz([{ name: 'l/x', body: 'x' }, symlink('l', outside)]),
    refusal: /"l" is there twice/,
  },
  {
    title: 'a chain of links that leads out only together',
    bytes: () =>
      tarGz([{ name: 'p/q/r/f', body: 'f' }, symlink('p/q/r/up', '../../..'), symlink('out', 'p/q/r/up/..')]),
    refusal: /"out" is a link/,
  },
  {
    title: 'a file beneath a file',
    bytes: () =>
      tarGz([
        { name: 'f', body: 'f' },
        { name: 'f/x', body: 'x' },
      ]),
    refusal: /written through "f"/,
  },
  {
    title: 'a link, then a file of its name',
    bytes: (outside) => tarGz([ok, symlink('x', `${outside}/canary`), { name: 'x', body: 'evil' }]),
    refusal: /"x" is there twice/,
  },
  {
    title: 'a file, then a link of its name, then the file again',
    bytes: (outside) =>
      tarGz([{ name: 'x', body: 'a' }, symlink('x', `${outside}/canary`), { name: 'x', body: 'evil' }]),
    refusal: /"x" is there twice/,
  },
  {
    title: 'a directory, then a link of its name with a slash',
    bytes: (outside) => tarGz([{ name: 'd/', type: '5' }, symlink('d//', outside), ok]),
    refusal: /twice/,
  },
  {
    title: 'a hard link upwards',
    bytes: () => tarGz([ok, { name: 'h', type: '1', link: '../outside/canary' }]),
    refusal: /leads out/,
  },
  {
    title: 'an absolute hard link',
    bytes: (outside) => tarGz([ok, { name: 'h', type: '1', link: `${outside}/canary` }]),
    refusal: /absolute/,
  },
  {
    title: 'a hard link to a link that leads out',
    bytes: (outside) => tarGz([ok, symlink('l', `${outside}/canary`), { name: 'h', type: '1', link: 'l' }]),
    refusal: /link/,
  },
  {
    title: 'a hard link through a link',
    bytes: () =>
      tarGz([{ name: 'd/f', body: 'f' }, symlink('l', 'd'), { name: 'h', type: '1', link: 'l/f' }]),
    refusal: /"h" is a hard link to "l\/f", which is no file of the package/,
  },
  {
    title: 'a hard link to what is not there',
    bytes: () => tarGz([ok, { name: 'h', type: '1', link: 'gone' }]),
    refusal: /no file of the package/,
  },
  {
    title: 'a hard link to itself',
    bytes: () => tarGz([ok, { name: 'h', type: '1', link: 'h' }]),
    refusal: /no file of the package/,
  },
  {
    title: 'a character device',
    bytes: () => tarGz([ok, { name: 'dev', type: '3' }]),
    refusal: /"dev" is a device/,
  },
  { title: 'a block device', bytes: () => tarGz([ok, { name: 'dev', type: '4' }]), refusal: /a device/ },
  { title: 'a FIFO', bytes: () => tarGz([ok, { name: 'pipe', type: '6' }]), refusal: /a FIFO/ },
  {
    title: 'a sparse file',
    bytes: () => tarGz([ok, { name: 'sparse', type: 'S' }]),
    refusal: /a sparse file/,
  },
  {
    title: 'an unknown kind',
    bytes: () => tarGz([ok, { name: 'strange', type: 'Z' }]),
    refusal: /"strange" is of the kind/,
  },
  {
    title: '.. in an extended header',
    bytes: () => tarGz([ok, { name: 'innocent', pax: { path: '../evil' } }]),
    refusal: /"\.\.\/evil" leads out/,
  },
  {
    title: 'a link target in an extended header',
    bytes: (outside) => tarGz([ok, { name: 'l', type: '2', link: 'ok.txt', pax: { linkpath: outside } }]),
    refusal: /is a link/,
  },
  {
    title: "a long name in GNU's way",
    bytes: () => tarGz([ok, { name: 'x', longName: `${'a/'.repeat(60)}../../evil` }]),
    refusal: /leads out/,
  },
  {
    title: "a long link in GNU's way",
    bytes: (outside) =>
      tarGz([ok, { name: 'l', type: '2', link: 'x', longLink: `${outside}/${'y'.repeat(120)}` }]),
    refusal: /is a link/,
  },
  {
    title: '.. in the prefix',
    bytes: () => tarGz([ok, { name: 'evil', prefix: '..' }]),
    refusal: /leads out/,
  },
  {
    title: 'a root in the prefix',
    bytes: (outside) => tarGz([ok, { name: 'evil', prefix: outside }]),
    refusal: /absolute/,
  },
  {
    title: 'a name twice',
    bytes: () => tarGz([ok, { name: './ok.txt', body: 'other' }]),
    refusal: /"\.\/ok\.txt" is there twice/,
  },
  {
    title: 'a link that leads out once the wrapping directory is gone',
    bytes: () => tarGz([{ name: 'top/f', body: 'f' }, symlink('top/l', '../outside')]),
    refusal: /"top\/l" is a link/,
  },
  {
    title: 'a line break in a name',
    bytes: () => tarGz([ok, { name: 'a\nb' }]),
    refusal: /control character/,
  },
  {
    title: 'a terminal command in a name',
    bytes: () => tarGz([ok, { name: 'a\u001b[2Jb' }]),
    refusal: /control character/,
  },
  {
    title: 'a NUL that ends a name',
    bytes: () => tarGz([ok, { name: 'x', pax: { path: 'ok\0/../../evil' } }]),
  },
  {
    title: 'a name of 300 bytes',
    bytes: () => tarGz([ok, { name: 'x', pax: { path: 'n'.repeat(300) } }]),
    refusal: /longer than 255/,
  },
  {
    title: '200 directories deep',
    bytes: () => tarGz([ok, { name: 'x', pax: { path: 'd/'.repeat(200) } }]),
    refusal: /deeper than 100/,
  },
  {
    title: 'a path of 3,000 bytes',
    bytes: () => tarGz([ok, { name: 'x', pax: { path: `${'n'.repeat(100)}/`.repeat(30) } }]),
    refusal: /longer than 2048/,
  },
  {
    title: 'a file in place of the root',
    bytes: () => tarGz([ok, symlink('./', 'ok.txt')]),
    refusal: /stands for the root/,
  },
  { title: 'no file at all', bytes: () => tarGz([{ name: 'd/', type: '5' }]), refusal: /holds no file/ },
  { title: 'nothing', bytes: () => tarGz([]), refusal: /holds no file|not a whole/ },
  {
    title: 'gzip around something else',
    bytes: () => gzipSync(Buffer.from('no tar at all '.repeat(100))),
    refusal: /not a whole \.tar\.gz/,
  },
  {
    title: 'an end in the middle of the gzip',
    bytes: () => cut(tarGz([{ name: 'f', body: noise(4000) }])),
    refusal: /not a whole \.tar\.gz/,
  },
  {
    title: 'an end in the middle of a file',
    bytes: () => gzipSync(tar([{ name: 'f', body: 'x', claimed: 100_000 }])),
    refusal: /not a whole \.tar\.gz/,
  },
  {
    title: 'a wrong header checksum',
    bytes: () => tarGz([ok, { name: 'f', hasWrongSum: true }]),
    refusal: /not a whole \.tar\.gz/,
  },
  { title: 'gzip within gzip', bytes: () => gzipSync(tarGz([ok])), refusal: /compressed twice/ },
  {
    title: 'setuid, setgid and sticky bits',
    bytes: () =>
      tarGz([
        { name: 'su', body: 'x', mode: 0o7755 },
        { name: 'd/', type: '5', mode: 0o7777 },
      ]),
  },
  {
    title: 'names that differ in case',
    bytes: () =>
      tarGz([
        { name: 'A', body: '1' },
        { name: 'a', body: '2' },
      ]),
  },
  {
    title: 'two spellings of an accent',
    bytes: () =>
      tarGz([
        { name: 'caf\u00e9', body: '1' },
        { name: 'cafe\u0301', body: '2' },
      ]),
  },
  {
    title: 'links and hard links that stay inside',
    bytes: () =>
      tarGz([{ name: 'a/f', body: 'f' }, symlink('b/l', '../a/f'), { name: 'h', type: '1', link: 'a/f' }]),
  },
  { title: 'rubbish after the end', bytes: () => gzipSync(Buffer.concat([tar([ok]), noise(50_000)])) },
];
