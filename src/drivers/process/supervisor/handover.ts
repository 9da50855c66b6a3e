import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:fs';
import { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { toolPath } from './tools.ts';

/** What the application becomes, handed over when it already runs as its user; no command line ever holds it. */
export interface Charge {
  readonly cwd: string;
  readonly files: readonly { readonly path: string; readonly content: string }[];
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Where the program below finds us. */
const DESCRIPTOR = 3;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const MAX_WORD_CHARACTERS = 1000;

/**
 * Runs as the application's user, with nothing of its variables in its own environment: says that it is there, takes
 * what it is given, writes the launch files, and becomes the application. Where we end before all is given, so does it.
 * A launch file is always a new one: what the application put at its name is removed, never opened. Descriptors that it
 * was not given are closed first: whoever started the platform may have left some open.
 */
const PERL = `
open(my $s, '+<&=', ${DESCRIPTOR}) or exit 126; binmode $s; fcntl($s, 2, 1);
if (opendir my $l, '/proc/self/fd') {
  my @n = grep { /^[0-9]+$/ and $_ > ${DESCRIPTOR} } readdir $l; closedir $l;
  for (@n) { open(my $f, '<&=', $_) and close $f }
}
sub fail { syswrite $s, join(' ', @_); exit 127 }
syswrite($s, "r") or exit 126;
my ($b, $z) = ('', undef);
while (!defined $z or length $b < $z) {
  my $n = sysread($s, $b, 262144, length $b); exit 126 unless $n;
  $z = 4 + unpack('N', $b) if !defined $z and length $b >= 4;
}
my @w = unpack('(N/a)*', substr($b, 4)); undef $b;
my $cwd = shift @w;
for (1 .. shift @w) {
  my ($p, $c) = splice @w, 0, 2; my $d = '';
  for (split m{/}, substr($p, 1, rindex($p, '/') - 1)) { $d .= "/$_"; mkdir $d, 0755 }
  unlink $p;
  sysopen(my $f, $p, ${NEW_FILE}, 0600) or fail('file', $!+0, $p);
  my $o = 0; while ($o < length $c) { my $n = syswrite $f, $c, length($c) - $o, $o; fail('file', $!+0, $p) unless $n; $o += $n }
  close $f or fail('file', $!+0, $p);
}
chdir $cwd or fail('cwd', $!+0);
my @a = splice @w, 0, shift @w;
%ENV = (); while (@w) { my $n = shift @w; $ENV{$n} = shift @w }
exec { $a[0] } @a; fail('exec', $!+0)`;

/**
 * The same, where the host has no perl. Node ends with a stack where a program cannot be started, so what the kernel
 * would refuse is looked for before; a text without a first line for the kernel is the shell's, as with execvp(3). And
 * Node ignores two signals, which what it becomes would ignore, too.
 */
const NODE = `
const fs = require('node:fs'), path = require('node:path'), os = require('node:os');
const say = (text) => { try { fs.writeSync(${DESCRIPTOR}, text); } catch {} };
const fail = (step, error, more = '') => { say(step + ' ' + (error.errno ? Math.abs(error.errno) : os.constants.errno[error.code] ?? 0) + ' ' + more); process.exit(127); };
say('r');
const chunks = []; let size = 0;
for (const chunk = Buffer.alloc(65536);;) {
  let count = 0;
  try { count = fs.readSync(${DESCRIPTOR}, chunk); } catch (error) {
    if (error.code === 'EAGAIN') { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2); continue; }
    process.exit(126);
  }
  if (count === 0) process.exit(126);
  chunks.push(Buffer.from(chunk.subarray(0, count))); size += count;
  if (size >= 4 && size >= 4 + Buffer.concat(chunks).readUInt32BE()) break;
}
const all = Buffer.concat(chunks), words = [];
for (let at = 4; at < all.length;) { const length = all.readUInt32BE(at); words.push(all.toString('utf8', at + 4, at + 4 + length)); at += 4 + length; }
const cwd = words.shift();
for (let left = Number(words.shift()); left > 0; left -= 1) {
  const [file, content] = words.splice(0, 2);
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    try { fs.unlinkSync(file); } catch {}
    fs.writeFileSync(file, content, { flag: ${NEW_FILE}, mode: 0o600 });
  } catch (error) { fail('file', error, file); }
}
try { process.chdir(cwd); } catch (error) { fail('cwd', error); }
const argv = words.splice(0, Number(words.shift())), env = {};
while (words.length > 0) env[words.shift()] = words.shift();
const refuse = (code) => fail('exec', { code });
const isThere = (file) => { try { fs.accessSync(file, fs.constants.X_OK); return fs.statSync(file).isFile(); } catch { return false; } };
const must = (file) => { if (!fs.existsSync(file)) refuse('ENOENT'); if (!isThere(file)) refuse('EACCES'); };
const places = argv[0].includes('/') ? [argv[0]] : (env.PATH ?? '').split(':').map((dir) => path.join(dir, argv[0]));
let found = places.find(isThere) ?? places.find((file) => fs.existsSync(file)) ?? refuse('ENOENT');
must(found);
let start = '';
try {
  const file = fs.openSync(found), head = Buffer.alloc(256);
  start = head.toString('latin1', 0, fs.readSync(file, head));
  fs.closeSync(file);
} catch {}
const script = /^#![ \\t]*([^ \\t\\n\\0]*)/.exec(start);
if (script) must(script[1]);
else if (start !== '' && !start.startsWith('\\x7fELF')) { argv.splice(0, 1, '/bin/sh', found); found = '/bin/sh'; }
for (const number of fs.existsSync('/proc/self/fdinfo') ? fs.readdirSync('/proc/self/fd').map(Number) : []) {
  if (number <= ${DESCRIPTOR}) continue;
  // The kernel closes what Node opened by itself.
  try {
    if (!(parseInt(/^flags:\\s+(\\d+)/m.exec(fs.readFileSync('/proc/self/fdinfo/' + number, 'latin1'))[1], 8) & 0o2000000)) fs.closeSync(number);
  } catch {}
}
for (const signal of ['SIGPIPE', 'SIGXFSZ']) { const none = () => {}; process.on(signal, none).removeListener(signal, none); }
fs.closeSync(${DESCRIPTOR});
process.execve(found, argv, env);`;

/** The program that takes a charge; '' stands for a host without perl. */
export function handoverWords(perl = toolPath('perl') ?? ''): readonly string[] {
  return perl === ''
    ? [process.execPath, '--disable-warning=ExperimentalWarning', '-e', NODE]
    : [perl, '-e', PERL];
}

function packed({ cwd, files, argv, env }: Charge): Buffer {
  const words = [
    ...[cwd, String(files.length), ...files.flatMap(({ path, content }) => [path, content])],
    ...[String(argv.length), ...argv, ...Object.entries(env).flat()],
  ];
  const parts = words.flatMap((word) => {
    const bytes = Buffer.from(word, 'utf8');
    return [numbered(bytes.length), bytes];
  });
  const body = Buffer.concat(parts);
  return Buffer.concat([numbered(body.length), body]);
}

function numbered(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Our end. What comes over it is said by a process of the application's user: it is read as nothing but a sentence. */
export class Handover {
  /** The process is there and waits. Never rejects: a process that ends before is told by its end. */
  readonly ready: Promise<void>;
  /** Nobody has the other end any more. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #said = '';

  constructor(child: ChildProcess) {
    const end = child.stdio[DESCRIPTOR];
    if (!(end instanceof Socket))
      throw new Error('the process has no descriptor to be given its variables over');
    const ready = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    this.#socket = end;
    this.ready = ready.promise;
    this.closed = closed.promise;
    end.on('data', (chunk: Buffer) => {
      ready.resolve();
      if (this.#said.length < MAX_WORD_CHARACTERS) this.#said += chunk.toString('latin1');
    });
    end.on('error', () => {});
    end.once('close', () => closed.resolve());
  }

  give(charge: Charge): void {
    this.#socket.write(packed(charge));
  }

  /** A process that still waits ends then. */
  drop(): void {
    this.#socket.destroy();
  }

  /** Why it did not become the application, in a sentence; absent: it did. */
  flaw(command: string): string | undefined {
    const [, step, number, path] = /^r(file|cwd|exec) (\d+) ?([^\n]*)/.exec(this.#said) ?? [];
    if (step === undefined) return undefined;
    const code = nameOf(Number(number));
    if (step === 'exec') return `spawn ${command} ${code}`;
    return step === 'cwd'
      ? `its working directory cannot be entered: ${code}`
      : `its file ${path} cannot be written: ${code}; remove what the application put there`;
  }
}

function nameOf(errno: number): string {
  try {
    return getSystemErrorName(-errno);
  } catch {
    return `error ${errno}`;
  }
}
