import { createHash } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { StepFenceSeen } from '../domain/fences.ts';
import type { Fence } from './run-step.ts';
import { removeStepCgroups } from './step-cgroup.ts';
import { detectStepFences } from './step-fences.ts';
import { type StepUser, StepUsers } from './step-users.ts';

export interface StepsSettings {
  readonly dataDir: string;
  /** Where the platform is root. */
  readonly users?: { readonly low: number; readonly high: number };
  /** For tests alone: steps run as if this host had no fences for them. */
  readonly isUnfenced?: boolean;
}

/** Of the data directory: what the platform put there for all to run. */
const FOR_ALL = ['node', 'runtimes'];
/** What a step has of its own instead. */
const PRIVATE = ['/tmp', '/var/tmp', '/dev/shm', '/run/lock'];

/** What all build steps of this platform have in common: fences and users. */
export class Steps {
  readonly #dataDir: string;
  readonly #users: StepUsers | undefined;
  readonly #range: StepsSettings['users'];
  readonly #isUnfenced: boolean;

  constructor({ dataDir, users, isUnfenced = false }: StepsSettings) {
    this.#dataDir = existsSync(dataDir) ? realpathSync(dataDir) : dataDir;
    this.#range = users;
    this.#users = users && new StepUsers(users);
    this.#isUnfenced = isUnfenced;
  }

  /** `tools` are programs that the step is to find where they are. */
  fence(tools: readonly string[] = []): Fence {
    const shared = FOR_ALL.map((name) => join(this.#dataDir, name)).filter((place) => existsSync(place));
    const hidden = [...PRIVATE, this.#dataDir];
    const hiddenTools = tools
      .map(placeOf)
      .filter((place) => [...hidden].some((dir) => isIn(place, dir)))
      .filter((place) => !shared.some((dir) => isIn(place, dir)));
    return {
      hides: [this.#dataDir],
      shows: [...new Set([...shared, ...hiddenTools])],
      family: this.#family(),
      isOff: this.#isUnfenced,
    };
  }

  /** Undefined where the platform is not root: its steps run as itself. */
  takeUser(): Promise<StepUser> | undefined {
    return this.#users?.take();
  }

  /** Whether files of that user may be the work of a step. */
  isMaker = (user: number): boolean =>
    this.#range === undefined || (user >= this.#range.low && user <= this.#range.high);

  /** At start, before any step. */
  removeLeftovers(): Promise<void> {
    return removeStepCgroups(this.#family());
  }

  /** What this host has of them. */
  fences(): Promise<readonly StepFenceSeen[]> {
    return detectStepFences(this.#range?.low, this.#family(), this.#isUnfenced);
  }

  #family(): string {
    return createHash('sha256').update(this.#dataDir).digest('hex').slice(0, 12);
  }
}

/** A program needs what lies around it, such as libraries beside its "bin". */
function placeOf(tool: string): string {
  const dir = dirname(tool);
  return basename(dir) === 'bin' ? dirname(dir) : dir;
}

const isIn = (path: string, dir: string): boolean => path === dir || path.startsWith(`${dir}/`);
