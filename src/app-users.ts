import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { socketPath } from './drivers/process/supervisor/socket-path.ts';
import { proxyPaths } from './ingress/proxy/paths.ts';
import { isHeld, takeLock } from './kernel/lock.ts';
import { SettingError } from './setting-error.ts';

export interface Range {
  readonly low: number;
  readonly high: number;
}

/** A data directory's own note in a place that all platforms of the host know. */
interface Claim {
  readonly dataDir: string;
  readonly host: string;
  /** The one in use, and those that instances of before may still have. */
  readonly ranges: readonly Range[];
}

export interface Wanted {
  readonly dataDir: string;
  readonly host: string;
  /** What the settings ask for; absent: whatever is free. */
  readonly given: Range | undefined;
  /** Where claims lie; for tests. */
  readonly place?: string;
}

export interface AppUsers {
  readonly range: Range;
  /** What the operator should know of it. */
  readonly note?: string;
}

export const FIRST_USERS: Range = { low: 200_000, high: 265_535 };
const SIZE = FIRST_USERS.high - FIRST_USERS.low + 1;
const HIGHEST = 2_000_000_000;
const LOCK_WAIT_MS = 10_000;

const claimsPlace = () => (process.platform === 'linux' ? '/run/openstage' : '/var/run/openstage');
const ownFile = (dataDir: string) => join(dataDir, 'app-users');
export const formatRange = ({ low, high }: Range): string => `${low}-${high}`;

/** Absent where all is as in the manual. */
export function describeAppUsers({ range, note }: AppUsers): string | undefined {
  if (note !== undefined) return `${formatRange(range)}, of applications; ${note}`;
  return formatRange(range) === formatRange(FIRST_USERS)
    ? undefined
    : `${formatRange(range)}, of applications, kept with the data directory`;
}

/**
 * The numeric users of this data directory, for its life. Files, processes and listeners of applications are told apart
 * by them on the whole host, so no two platforms may use the same. For root alone.
 */
export function claimAppUsers(wanted: Wanted): AppUsers {
  const place = wanted.place ?? claimsPlace();
  const own = readOwn(wanted.dataDir);
  try {
    mkdirSync(place, { recursive: true, mode: 0o700 });
    chmodSync(place, 0o700);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return {
      range: wanted.given ?? own[0] ?? FIRST_USERS,
      note: `whether another platform uses them, too, is not known, for ${place} cannot be used (${why})`,
    };
  }
  const lock = takeLock(join(place, 'lock'), LOCK_WAIT_MS);
  if (!lock) {
    throw new Error(
      `Another platform of this host has held ${join(place, 'lock')} for ${LOCK_WAIT_MS / 1000} s; start this one again.`,
    );
  }
  try {
    return claimLocked(wanted, place, own);
  } finally {
    lock.release();
  }
}

function claimLocked({ dataDir, host, given }: Wanted, place: string, own: readonly Range[]): AppUsers {
  const others = readClaims(place).filter(({ claim }) => !isOf(claim, dataDir, host));
  const holder = (range: Range) =>
    others.find(({ claim }) => claim.ranges.some((each) => overlap(each, range)) && lives(claim));
  const fixed = given ?? own[0];
  const taken = fixed && holder(fixed);
  if (fixed && taken) {
    throw new SettingError(
      `The users ${formatRange(fixed)} are already used by the platform of ${taken.claim.dataDir}; ` +
        'give this one another range with --app-users.',
    );
  }
  const range =
    fixed ??
    firstFree(
      dataDir,
      others.map(({ claim }) => claim),
    );
  const former = own.length === 0 && isUsed(dataDir) ? [FIRST_USERS] : own;
  const left = former.filter((each) => formatRange(each) !== formatRange(range));
  const shared = left.map((each) => ({ each, with: holder(each) })).find((found) => found.with);
  const ranges = [range, ...left.filter((each) => !holder(each))];
  // What nobody lives behind any more, and is ours now.
  for (const { file, claim } of others) {
    const isGone = !existsSync(claim.dataDir) || claim.ranges.some((each) => overlap(each, range));
    if (isGone && !lives(claim)) rmSync(file, { force: true });
  }
  // Seldom: a full disk must not keep a platform from starting again.
  if (ranges.map(formatRange).join() !== own.map(formatRange).join())
    writeWhole(ownFile(dataDir), ranges.map((each) => `${formatRange(each)}\n`).join(''));
  writeWhole(join(place, fileName(dataDir)), `${JSON.stringify({ dataDir, host, ranges })}\n`);
  return {
    range,
    ...(shared && {
      note:
        `instances of before may have users of ${formatRange(shared.each)}, as those of the platform of ` +
        `${shared.with?.claim.dataDir} have: nothing keeps these apart until they are deleted and created again`,
    }),
  };
}

/** Of a directory that lies still, too: its instances keep their users. */
function firstFree(dataDir: string, others: readonly Claim[]): Range {
  const running = runningUsers();
  for (let { low } = FIRST_USERS; low + SIZE <= HIGHEST; low += SIZE) {
    const range = { low, high: low + SIZE - 1 };
    const isClaimed = others.some(
      (claim) =>
        claim.ranges.some((each) => overlap(each, range)) && (existsSync(claim.dataDir) || lives(claim)),
    );
    // What runs in the first range of a directory that a version before used may well be its own.
    const mayRun = low === FIRST_USERS.low && isUsed(dataDir);
    if (!isClaimed && (mayRun || !running.some((user) => within(range, user)))) return range;
  }
  throw new SettingError('No range of numeric users is free on this host; name one with --app-users.');
}

/** Whether a version that wrote down no range may have started instances here. */
const isUsed = (dataDir: string): boolean =>
  ['replicas', 'builds', 'artifacts', 'proxy'].some((name) => existsSync(join(dataDir, name)));

/** Its platform, supervisor or proxy, or any process of its users. */
function lives(claim: Claim): boolean {
  const { dataDir, ranges } = claim;
  const locks = [
    join(dataDir, 'run', 'platform.lock'),
    join(dirname(socketPath(dataDir)), 'supervisor.lock'),
    proxyPaths(dataDir).lock,
  ];
  return locks.some(isHeld) || runningUsers().some((user) => ranges.some((range) => within(range, user)));
}

/** The users of all processes of the host, where it tells them. */
function runningUsers(): readonly number[] {
  const users = new Set<number>();
  for (const pid of existsSync('/proc') ? readdirSync('/proc') : []) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const [, user] = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      if (user !== undefined) users.add(Number(user));
    } catch {
      // It has ended.
    }
  }
  return [...users];
}

/** The same directory, also by another path or after it was moved. */
function isOf(claim: Claim, dataDir: string, host: string): boolean {
  if (!existsSync(claim.dataDir)) return claim.host === host || claim.dataDir === dataDir;
  return realpathSync(claim.dataDir) === realpathSync(dataDir);
}

function readClaims(place: string): readonly { readonly file: string; readonly claim: Claim }[] {
  return readdirSync(place)
    .filter((name) => name.endsWith('.json'))
    .map((name) => join(place, name))
    .flatMap((file) => {
      const claim = parseClaim(readFileSync(file, 'utf8'));
      return claim ? [{ file, claim }] : [];
    });
}

function parseClaim(text: string): Claim | undefined {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof found !== 'object' || found === null) return undefined;
  if (!('dataDir' in found && 'host' in found && 'ranges' in found)) return undefined;
  const { dataDir, host, ranges } = found;
  if (typeof dataDir !== 'string' || typeof host !== 'string' || !Array.isArray(ranges)) return undefined;
  return { dataDir, host, ranges: ranges.filter(isRange) };
}

const isRange = (value: unknown): value is Range =>
  typeof value === 'object' &&
  value !== null &&
  'low' in value &&
  'high' in value &&
  typeof value.low === 'number' &&
  typeof value.high === 'number';

function readOwn(dataDir: string): readonly Range[] {
  const file = ownFile(dataDir);
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, low, high] = /^(\d+)-(\d+)$/.exec(line.trim()) ?? [];
      return low !== undefined && high !== undefined ? [{ low: Number(low), high: Number(high) }] : [];
    });
}

const fileName = (dataDir: string) =>
  `${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}.json`;
const overlap = (one: Range, other: Range): boolean => one.low <= other.high && other.low <= one.high;
const within = ({ low, high }: Range, user: number): boolean => user >= low && user <= high;

function writeWhole(file: string, content: string): void {
  writeFileSync(`${file}.new`, content, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}
