import type { Readable } from 'node:stream';
import { textFromCut } from '../../../domain/text-end.ts';
import type { Entry } from './entry.ts';
import type { Charge } from './handover.ts';
import type { Running } from './probes.ts';
import type { Begun } from './spawn.ts';
import { begin } from './spawn.ts';

/** Only the last line of a probe's output is of use. */
const MAX_OUTPUT_BYTES = 4096;
/** What it wrote at last is still in the pipe when it has ended. */
const REST_MS = 100;

/** The command of a probe or hook, which ends soon and whose output is for us. */
export function runCommand(
  entry: Entry,
  charge: Charge,
  leakTo: Record<string, string> | undefined,
): Running {
  const stop = new AbortController();
  let output: Buffer = Buffer.alloc(0);
  let pipes: readonly (Readable | null)[] = [];
  let begun: Begun | undefined;
  const collect = (chunk: Buffer) => (output = Buffer.concat([output, chunk]).subarray(-MAX_OUTPUT_BYTES));

  async function run() {
    begun = await begin(entry, ['ignore', 'pipe', 'pipe'], { stop: stop.signal, leakTo }, (child) => {
      pipes = [child.stdout, child.stderr];
      for (const pipe of pipes) pipe?.on('data', collect).on('error', () => {});
    });
    begun.give(charge);
    return await begun.ended;
  }

  async function ended() {
    try {
      return await run();
    } finally {
      await letGo();
    }
  }

  /** What it started and left behind may hold its pipes open for ever. */
  async function letGo() {
    const closed = Promise.all(pipes.map((pipe) => new Promise((resolve) => pipe?.once('close', resolve))));
    if (pipes.some((pipe) => pipe && !pipe.closed)) await Promise.race([closed, pause(REST_MS)]);
    for (const pipe of pipes) pipe?.destroy();
  }

  return {
    ended: ended(),
    lastLine: () => textFromCut(output).trimEnd().split('\n').at(-1) ?? '',
    stop: () => {
      begun?.kill();
      stop.abort();
    },
  };
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
