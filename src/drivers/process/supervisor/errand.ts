import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { anything, expect, object, text } from './shape.ts';
import type { Is } from './shape.ts';
import { PLATFORM_ENV } from './tools.ts';

/** A program of ours, its text read when the supervisor starts: an upgrade may take the file away or change it. */
export interface Errand {
  readonly program: string;
  /** The function that takes the order and answers. */
  readonly run: string;
}

const kind = extname(import.meta.url);

/** From a file that imports nothing of ours but types. */
export const errandOf = (name: string, run: string): Errand => ({
  program: readFileSync(fileURLToPath(new URL(`./errands/${name}${kind}`, import.meta.url)), 'utf8'),
  run,
});

const INPUT_TYPE = kind === '.ts' ? 'module-typescript' : 'module';
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning', '--v8-pool-size=0'];
const MOST_ANSWER_BYTES = 4 * 1024 * 1024;
/** What waits for a disk that stands still cannot be ended; so many of one owner's are let be. */
const MOST_LEFT = 2;

const isProblem = object<{ readonly problem: string }>({ problem: text }, {});
const isDone = object<{ readonly ok: unknown }>({ ok: anything }, {});

/** Whose errands wait, and whose processes have not ended. */
interface Owner {
  turn: Promise<unknown>;
  asked: number;
  left: number;
}
const owners = new Map<string, Owner>();

/**
 * Does in a process of its own what takes as long as a tenant's disk wants: nobody else's calls wait for it. One at a
 * time for each owner, ended when its time is up; rejects with a sentence.
 */
export async function runErrand<T>(
  { program, run }: Errand,
  order: unknown,
  is: Is<T>,
  { owner, mostMs }: { readonly owner: string; readonly mostMs: number },
): Promise<T> {
  const own = owners.get(owner) ?? { turn: Promise.resolve(), asked: 0, left: 0 };
  owners.set(owner, own);
  const forget = () => {
    if (own.asked === 0 && own.left === 0) owners.delete(owner);
  };
  const onEnd = () => {
    own.left -= 1;
    forget();
  };
  const result = own.turn.then(() => {
    if (own.left >= MOST_LEFT)
      throw new Error(`the disk did not answer within ${mostMs / 1000} s before, and still does not`);
    own.left += 1;
    return begin(`${program}\n${serving(run)}`, order, mostMs, onEnd);
  });
  own.turn = result.catch(() => {});
  own.asked += 1;
  try {
    const answer: unknown = JSON.parse(await result);
    if (isProblem(answer)) throw new Error(answer.problem);
    return expect(is, expect(isDone, answer, 'The answer of an errand').ok, 'The answer of an errand');
  } finally {
    own.asked -= 1;
    forget();
  }
}

/** Reads the order, calls the function, writes the answer. */
const serving = (run: string): string => `
let order = '';
process.stdin.setEncoding('utf8');
for await (const chunk of process.stdin) order += chunk;
let answer;
try {
  answer = { ok: await ${run}(JSON.parse(order)) };
} catch (error) {
  answer = { problem: error instanceof Error ? error.message : String(error) };
}
process.stdout.write(JSON.stringify(answer));
`;

function begin(program: string, order: unknown, mostMs: number, onEnd: () => void): Promise<string> {
  const words = [...NODE_FLAGS, `--input-type=${INPUT_TYPE}`, '--eval', program];
  const child = spawn(process.execPath, words, {
    env: PLATFORM_ENV,
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return new Promise((resolve, reject) => {
    const said = { out: '', flaw: '' };
    let isOver = false;
    const timer = setTimeout(() => over(`the disk did not answer within ${mostMs / 1000} s`), mostMs);
    const over = (flaw: string | undefined) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      child.kill('SIGKILL');
      for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
      if (flaw === undefined) resolve(said.out);
      else reject(new Error(flaw));
    };
    child.once('exit', onEnd);
    child.once('error', (error) => {
      if (child.pid === undefined) onEnd();
      over(error.message);
    });
    child.once('close', (code, signal) => {
      const last = said.flaw.trim().split('\n').at(-1);
      over(code === 0 ? undefined : last || `its errand ended with ${signal ?? `code ${code}`}`);
    });
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      said.out += chunk;
      if (said.out.length > MOST_ANSWER_BYTES) over('its errand answered too much');
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      said.flaw = (said.flaw + chunk).slice(-1000);
    });
    child.stdin.on('error', () => {}).end(JSON.stringify(order));
  });
}
