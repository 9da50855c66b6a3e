import { dirname } from 'node:path';
import type { Fence } from '../../../domain/fences.ts';
import { needsNamespace } from '../../../domain/volume.ts';
import type { Birth } from './birth.ts';
import { birthOf } from './birth.ts';
import type { CgroupPlace } from './cgroup-place.ts';
import type { Entry } from './entry.ts';
import { descriptorsOfProcess } from './entry.ts';
import type { Marks } from './environment.ts';
import { environmentFor, PROBE_MARK } from './environment.ts';
import type { HolderRecord, Kind } from './holder-record.ts';
import { kinds } from './holder-record.ts';
import { Namespace } from './namespace.ts';
import type { Running } from './probes.ts';
import type { ReplicaFiles } from './replica-files.ts';
import type { Placement } from './replica-record.ts';
import { runCommand } from './run-command.ts';
import { begin, buildGroupOf, chargeOf, withLog } from './spawn.ts';
import type { Surroundings } from './surroundings.ts';
import { placeVolumes } from './volumes.ts';

const fenceOf: Readonly<Record<Kind, Fence>> = { mnt: 'mounts', pid: 'processes', ipc: 'ipc' };

/** How the processes of one replica come into being: the application, and beside it probes and hooks. */
export class Forks {
  readonly #placement: Placement;
  readonly #files: ReplicaFiles;
  readonly #marks: Marks;
  readonly #around: Surroundings;
  #namespace: Namespace | undefined;

  constructor(
    placement: Placement,
    files: ReplicaFiles,
    marks: Marks,
    around: Surroundings,
    holder: HolderRecord | undefined,
  ) {
    this.#placement = placement;
    this.#files = files;
    this.#marks = marks;
    this.#around = around;
    this.#namespace = holder && Namespace.of(holder);
  }

  /** What the application is fenced in by beside its cgroup, as it is started. */
  get fences(): readonly Fence[] {
    const { mostDescriptors, isEndedFirst, user } = this.#entry(undefined);
    return [
      ...(user === undefined ? [] : (['users'] as const)),
      ...(this.#namespace?.fences.filter((fence) => this.#has(fence)) ?? []),
      ...(mostDescriptors === undefined ? [] : (['descriptors'] as const)),
      ...(user !== undefined && this.#has('watched') ? (['watched'] as const) : []),
      ...(isEndedFirst ? (['oom-score'] as const) : []),
    ];
  }

  /** To be written down before anything is started in it. */
  get holder(): HolderRecord | undefined {
    return this.#namespace?.record;
  }

  /** Before a start: the volumes are where they are asked for, and what is not the replica's own is out of sight. */
  async open(): Promise<void> {
    this.close();
    const { rollout } = this.#placement;
    const { volumes } = rollout;
    const { user } = rollout.placement;
    const dataDir = dirname(this.#around.replicasDir);
    const placed = volumes ? await placeVolumes(rollout, this.#files, dataDir) : [];
    const wanted = user === undefined ? [] : kinds.filter((kind) => this.#has(fenceOf[kind]));
    const isHiding = wanted.includes('mnt');
    const needed: readonly Kind[] = needsNamespace(volumes) && !isHiding ? ['mnt', ...wanted] : wanted;
    if (needed.length === 0) return;
    const viewed = { rollout, files: this.#files, dataDir, placed };
    // /proc and /tmp are mounts too.
    const all: readonly Kind[] = needed.includes('mnt') ? needed : ['mnt', ...needed];
    this.#namespace = await Namespace.open(viewed, all, isHiding);
  }

  /** The holder is written down. */
  commit(): void {
    this.#namespace?.commit();
  }

  /** What is started beside a process of an earlier supervisor sees what it sees. */
  join(pid: number): void {
    if (!this.#namespace && needsNamespace(this.#placement.rollout.volumes))
      this.#namespace = Namespace.beside(pid);
  }

  /** Ends whatever still runs in the namespaces of the replica. */
  close(): void {
    this.#namespace?.end();
    this.#namespace = undefined;
  }

  async bear(port: number, cgroup: CgroupPlace | undefined, stop: AbortSignal): Promise<Birth> {
    const { rollout } = this.#placement;
    const env = this.#environment(port);
    const charge = chargeOf({ rollout, files: this.#files, port }, env);
    const begun = await withLog(this.#files, (log) =>
      begin(this.#entry(cgroup), ['ignore', log, log], { stop, leakTo: this.#leak(env) }),
    );
    return birthOf(begun, this.#around.boot, () => begun.give(charge));
  }

  /** Within the limits of the application, and ended with it. */
  run(port: number, cgroup: CgroupPlace | undefined, command: readonly string[]): Running {
    const { rollout } = this.#placement;
    const env = { ...this.#environment(port), [PROBE_MARK]: '1' };
    const charge = chargeOf({ rollout, files: this.#files, port }, env, command);
    return runCommand(this.#entry(cgroup), charge, this.#leak(env));
  }

  #environment(port: number): Record<string, string> {
    const { rollout } = this.#placement;
    return environmentFor({
      rollout,
      files: this.#files,
      port,
      marks: this.#marks,
      keyFile: this.#around.keyFile,
    });
  }

  #entry(cgroup: CgroupPlace | undefined): Entry {
    const { rollout } = this.#placement;
    return {
      namespace: this.#namespace,
      cgroupFiles: cgroup ? this.#around.cgroups.entrances(cgroup) : [],
      user: this.#around.unfenced.has('users') ? undefined : rollout.placement.user,
      buildGroup: rollout.placement.user === undefined ? undefined : buildGroupOf(rollout),
      mostDescriptors: this.#has('descriptors') ? descriptorsOfProcess(this.#around.bounds) : undefined,
      isEndedFirst: this.#has('oom-score'),
    };
  }

  /** For a test that shows what happens where programs of root see the variables of a tenant. */
  #leak(env: Record<string, string>): Record<string, string> | undefined {
    return this.#around.unfenced.has('handed-variables') ? env : undefined;
  }

  #has(fence: Fence): boolean {
    return this.#around.fences.some((seen) => seen.fence === fence && seen.lack === undefined);
  }
}
