import { parseArgs } from 'node:util';
import type { Unfenced } from '../../../domain/fences.ts';
import { parseUnfenced } from '../../../domain/fences.ts';
import { LOG_PART_BYTES } from '../../../domain/replica-bounds.ts';
import { VERSION } from './protocol.ts';

export interface Arguments {
  readonly dataDir: string;
  readonly keyFile: string;
  readonly low: number;
  readonly high: number;
  readonly logFile: string;
  /** Of one part of one replica's log; two are kept. */
  readonly logBytes: number;
  /** A test's; absent: the machine's. */
  readonly bootId: string | undefined;
  /** A file that names the crash point at which to die, once. */
  readonly crashFile: string | undefined;
  /** A test's: a file with the time by which logs are rotated, in milliseconds since 1970; absent: the machine's. */
  readonly clockFile: string | undefined;
  /** It is to end what lives, and starts nothing that does not. */
  readonly toEnd: boolean;
  readonly proc: string;
  /** A test's; absent: the newest. */
  readonly protocol: number;
  /** What the directories of a replica may hold. */
  readonly disk: { readonly diskBytes: number; readonly files: number };
  /** A test's: fences and guards that are left out. */
  readonly unfenced: Unfenced;
}

const DEFAULT_DISK_MIB = 10_240;
const DEFAULT_FILES = 500_000;

export function readArguments(words: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...words],
    options: {
      'data-dir': { type: 'string' },
      'key-file': { type: 'string' },
      ports: { type: 'string' },
      'log-file': { type: 'string' },
      'log-bytes': { type: 'string' },
      'boot-id': { type: 'string' },
      'crash-file': { type: 'string' },
      'clock-file': { type: 'string' },
      'to-end': { type: 'boolean' },
      proc: { type: 'string' },
      protocol: { type: 'string' },
      'most-disk-mib': { type: 'string' },
      'most-files': { type: 'string' },
      unfenced: { type: 'string' },
    },
  });
  const need = (name: 'data-dir' | 'key-file' | 'ports' | 'log-file'): string => {
    const value = values[name];
    if (value === undefined) throw new Error(`--${name} is missing; the platform gives it.`);
    return value;
  };
  const [low = NaN, high = NaN] = need('ports').split('-').map(Number);
  if (!(low >= 1 && high <= 65535 && low <= high))
    throw new Error('--ports: expected two ports such as 20000-29999.');
  const logBytes = Number(values['log-bytes'] ?? LOG_PART_BYTES);
  if (!(logBytes > 0)) throw new Error('--log-bytes: expected a positive number.');
  return {
    dataDir: need('data-dir'),
    keyFile: need('key-file'),
    low,
    high,
    logFile: need('log-file'),
    logBytes,
    bootId: values['boot-id'],
    crashFile: values['crash-file'],
    clockFile: values['clock-file'],
    toEnd: values['to-end'] ?? false,
    proc: values.proc ?? '/proc/self',
    disk: {
      diskBytes: Number(values['most-disk-mib'] ?? DEFAULT_DISK_MIB) * 1024 ** 2,
      files: Number(values['most-files'] ?? DEFAULT_FILES),
    },
    protocol: Number(values.protocol ?? VERSION),
    unfenced: parseUnfenced(values.unfenced ?? ''),
  };
}
