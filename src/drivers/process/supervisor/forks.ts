import type { ChildProcess } from 'node:child_process';
import type { Fence } from '../../../domain/fences.ts';
import { needsNamespace } from '../../../domain/volume.ts';
import type { Birth } from './birth.ts';
import { bear } from './birth.ts';
import type { CgroupPlace } from './cgroup-place.ts';
import type { Marks } from './environment.ts';
import type { Namespace } from './namespace.ts';
import { namespaceOf, openNamespace } from './namespace.ts';
import type { ReplicaFiles } from './replica-files.ts';
import type { Placement } from './replica-record.ts';
import type { Fork } from './spawn.ts';
import { spawnProbe } from './spawn.ts';
import type { Surroundings } from './surroundings.ts';
import { linkVolumes } from './volumes.ts';

/** How the processes of one replica come into being: the application, and beside it probes and hooks. */
export class Forks {
  readonly #placement: Placement;
  readonly #files: ReplicaFiles;
  readonly #marks: Marks;
  readonly #around: Surroundings;
  #namespace: Namespace | undefined;

  constructor(placement: Placement, files: ReplicaFiles, marks: Marks, around: Surroundings) {
    this.#placement = placement;
    this.#files = files;
    this.#marks = marks;
    this.#around = around;
  }

  /** What the application is fenced in by beside its cgroup, as it is started. */
  get fences(): readonly Fence[] {
    return this.#placement.rollout.placement.user === undefined ? [] : ['users'];
  }

  /** Before a start: the volumes are where they are asked for. */
  async open(): Promise<void> {
    this.close();
    const { rollout } = this.#placement;
    if (!rollout.volumes) return;
    linkVolumes(rollout, this.#files);
    if (needsNamespace(rollout.volumes)) this.#namespace = await openNamespace(rollout, this.#files);
  }

  /** What is started beside a process of an earlier supervisor sees what it sees. */
  join(pid: number): void {
    if (needsNamespace(this.#placement.rollout.volumes)) this.#namespace = namespaceOf(pid);
  }

  close(): void {
    this.#namespace?.close();
    this.#namespace = undefined;
  }

  bear(
    port: number,
    cgroup: CgroupPlace | undefined,
    onFailure: (reason: string) => void,
  ): Birth | undefined {
    return bear(this.#fork(port), cgroup, this.#around, onFailure);
  }

  /** Within the limits of the application, and ended with it. */
  run(port: number, cgroup: CgroupPlace | undefined, command: readonly string[]): ChildProcess {
    const work = () => spawnProbe(this.#fork(port), command);
    return cgroup ? this.#around.cgroups.inside(cgroup, work) : work();
  }

  #fork(port: number): Fork {
    const { rollout } = this.#placement;
    return {
      rollout,
      files: this.#files,
      port,
      marks: this.#marks,
      keyFile: this.#around.keyFile,
      namespace: this.#namespace,
    };
  }
}
