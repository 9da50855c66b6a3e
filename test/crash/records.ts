import assert from 'node:assert/strict';
import { memberOf } from '../../src/cli/running-platform.ts';
import { listOf } from '../../src/cli/tour/steps.ts';
import type { Random } from './random.ts';
import type { Victim } from './victim.ts';

/** Clients that make, rename and delete applications while the platform is killed, and know what they were promised. */
export class Records {
  readonly #victim: Victim;
  readonly #random: Random;
  /** The description of each application that was acknowledged and not deleted, by id. */
  readonly #promised = new Map<string, string>();
  changes = 0;

  constructor(victim: Victim, random: Random) {
    this.#victim = victim;
    this.#random = random;
  }

  async stream(lane: number, isOver: () => boolean): Promise<void> {
    for (let round = 0; !isOver(); round += 1) {
      const name = `record-${lane}-${round}`;
      const id = await this.#create(name);
      await this.#pause();
      if (!isOver()) await this.#describe(id, `${name} was described`);
      await this.#pause();
      if (!isOver() && this.#random.below(3) > 0) await this.#delete(id);
    }
  }

  #pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50 + this.#random.below(300)));

  /** The answer to a first try may be lost with the platform: then the name is taken, by this very client. */
  async #create(name: string): Promise<string> {
    const { status, body } = await this.#victim.ask('POST', '/v2/{project}/cas/applications', { name });
    this.changes += 1;
    if (status === 200) {
      const id = String(memberOf(body, 'id'));
      this.#promised.set(id, '');
      return id;
    }
    assert.equal(status, 400, JSON.stringify(body));
    const [id, ...twice] = (await this.#all()).filter((each) => each.name === name).map((each) => each.id);
    assert.ok(id !== undefined && twice.length === 0, `${name} is there ${twice.length} times too many`);
    this.#promised.set(id, '');
    return id;
  }

  async #describe(id: string, description: string): Promise<void> {
    const path = `/v2/{project}/cas/applications/${id}`;
    const { status, body } = await this.#victim.ask('PUT', path, { description });
    assert.equal(status, 200, JSON.stringify(body));
    this.changes += 1;
    this.#promised.set(id, description);
  }

  async #delete(id: string): Promise<void> {
    const { status, body } = await this.#victim.ask('DELETE', `/v2/{project}/cas/applications/${id}`);
    // 404: a try before deleted it, and its answer was lost.
    assert.ok([200, 204, 404].includes(status), JSON.stringify(body));
    this.changes += 1;
    this.#promised.delete(id);
  }

  async #all(): Promise<
    readonly { readonly id: string; readonly name: string; readonly description: string }[]
  > {
    const found = [];
    for (let offset = 0; ; offset += 100) {
      const path = `/v2/{project}/cas/applications?limit=100&offset=${offset}`;
      const page = listOf(memberOf((await this.#victim.ask('GET', path)).body, 'applications'));
      for (const each of page)
        found.push({
          id: String(memberOf(each, 'id')),
          name: String(memberOf(each, 'name')),
          description: String(memberOf(each, 'description') ?? ''),
        });
      if (page.length < 100) return found;
    }
  }

  /** How what is there differs from what was promised; undefined where it does not. */
  async difference(): Promise<string | undefined> {
    const there = (await this.#all()).filter(({ name }) => name.startsWith('record-'));
    const lost = [...this.#promised].filter(([id, description]) =>
      there.every((each) => each.id !== id || each.description !== description),
    );
    const extra = there.filter(({ id }) => !this.#promised.has(id));
    if (lost.length + extra.length === 0) return undefined;
    return JSON.stringify({ 'promised but lost': lost, 'there although never promised': extra });
  }
}
