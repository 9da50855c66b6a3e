import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `openstage …` to its end. */
export async function openstage(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(process.execPath, ['bin/openstage.mjs', ...words], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code]: unknown[] = await ended;
  return { code: typeof code === 'number' ? code : null, out: out.trim(), err: err.trim() };
}

/** Of a second platform beside another: none of its ports is the other's. */
export const freePorts = ['--http-port', '0', '--https-port', '0', '--ingress-port', '0'] as const;
