import { readFileSync } from 'node:fs';
import { parseKey, unseal } from '../../../domain/envelope.ts';
import { Problem } from '../../../domain/errors.ts';
import type { HostId, InstanceId } from '../../../domain/ids.ts';
import type { Observed, ReplicaId, Rollout } from '../../../domain/rollout.ts';
import { replicaName } from '../../../domain/rollout.ts';
import { Replica } from './replica.ts';
import { removeAside } from './replica-files.ts';
import type { Surroundings } from './surroundings.ts';

/** Ids name directories and cgroups. */
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** All replicas of this host and data directory. */
export class Supervisor {
  readonly #around: Surroundings;
  readonly #replicas: Map<string, Replica>;
  /** Those whose files are being written. */
  readonly #placing = new Map<string, Promise<void>>();

  constructor(around: Surroundings, adopted: Map<string, Replica>) {
    this.#around = around;
    this.#replicas = adopted;
  }

  async ensure(rollout: Rollout, ordinals: readonly number[], host: HostId): Promise<void> {
    if (!SAFE_NAME.test(rollout.instance)) {
      throw new Problem(
        'invalid',
        `"${rollout.instance}" cannot name a directory; expected letters, digits, - and _.`,
      );
    }
    for (const ordinal of ordinals) await this.#ensureOne(rollout, ordinal, host);
  }

  async #ensureOne(rollout: Rollout, ordinal: number, host: HostId): Promise<void> {
    const name = replicaName({ instance: rollout.instance, rollout: rollout.number, ordinal });
    let present = this.#replicas.get(name);
    while (present?.isEnding) {
      await present.over;
      present = this.#replicas.get(name);
    }
    if (present) {
      const { placement, files } = present;
      await this.#placing.get(name)?.catch(() => {});
      return this.#mustBeSame(name, { ...placement.rollout, env: files.variables() }, rollout);
    }
    // Its variables are in a file of the rollout; a copy for each replica would fill the memory of all.
    const kept = { ...rollout, env: [] };
    const replica = new Replica({ rollout: kept, ordinal, host }, undefined, this.#around);
    this.#replicas.set(name, replica);
    void replica.over.then(() => this.#replicas.delete(name));
    try {
      const placing = replica.files.place({ rollout, ordinal, host });
      this.#placing.set(name, placing);
      await placing.finally(() => this.#placing.delete(name));
    } catch (error) {
      this.#replicas.delete(name);
      replica.files.remove(this.#around.trash);
      throw error;
    }
    this.#around.changed(rollout.instance);
    await replica.start();
  }

  #mustBeSame(name: string, present: Rollout, asked: Rollout): void {
    if (this.#fingerprint(present) === this.#fingerprint(asked)) return;
    throw new Problem(
      'invalid',
      `Replica ${name} runs already with another content; a rollout is immutable: make a new one.`,
    );
  }

  /**
   * Sealed anew, a variable looks different and is the same. Which hosts take part, where the data directory lies and
   * how long an end may take is no content.
   */
  #fingerprint({ placement: { user }, releaseDir: _, graceMs: __, ...rollout }: Rollout): string {
    const key = rollout.env.length > 0 ? parseKey(readFileSync(this.#around.keyFile, 'utf8')) : undefined;
    const env = rollout.env.map(({ name, value }) => [name, key ? unseal(key, value) : '']);
    return JSON.stringify(sorted({ ...rollout, user, env }));
  }

  async retire(instance: InstanceId, rollout: number, keep: number, graceMs: number): Promise<void> {
    const ending = [...this.#replicas.values()].filter(
      ({ placement }) =>
        placement.rollout.instance === instance &&
        placement.rollout.number === rollout &&
        placement.ordinal >= keep,
    );
    await Promise.all(ending.map((replica) => replica.retire(graceMs)));
    const { replicasDir, trash } = this.#around;
    removeAside(replicasDir, instance, rollout, keep, trash);
  }

  observe(instance?: InstanceId): Observed[] {
    return [...this.#replicas.values()]
      .filter(({ placement }) => instance === undefined || placement.rollout.instance === instance)
      .map((replica) => replica.observe());
  }

  find(id: ReplicaId): Replica | undefined {
    return this.#replicas.get(replicaName(id));
  }

  replicas(): readonly Replica[] {
    return [...this.#replicas.values()];
  }

  /** Ends the applications until the next supervisor starts them again. */
  async rest(): Promise<void> {
    await Promise.all([...this.#replicas.values()].map((replica) => replica.rest()));
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => [name, sorted(member)]);
}
