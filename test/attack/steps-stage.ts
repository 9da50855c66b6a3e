import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { runStep, type StepLimits } from '../../src/builds/run-step.ts';
import { Steps } from '../../src/builds/steps.ts';

/** A data directory with a secret in it, and steps of builds beside it. */
export interface StepsStage {
  readonly dataDir: string;
  readonly steps: Steps;
  /** One step of a package, as the platform runs it. */
  run(dir: string, command: string, user: number, limits?: Partial<StepLimits>): Promise<string>;
}

export function stepsStage(t: TestContext, isUnfenced: boolean): StepsStage {
  const root = mkdtempSync(join(tmpdir(), 'openstage-steps-'));
  chmodSync(root, 0o711);
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const steps = new Steps({ dataDir: root, isUnfenced });
  return {
    dataDir: root,
    steps,
    run: (dir, command, user, limits = {}) =>
      runStep({
        argv: ['/bin/sh', '-c', command],
        dir,
        user,
        limits,
        fence: steps.fence([process.execPath]),
        signal: new AbortController().signal,
      }),
  };
}

/** Processes of a user that only this test has given work. */
export function runningAs(user: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === user);
}

export function endAllOf(user: number): void {
  for (let round = 0; round < 20; round += 1) {
    const pids = runningAs(user);
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended meanwhile.
      }
    }
  }
}
