import type { Exit, Observed, Readiness } from '../../../domain/rollout.ts';
import { isOverrunAgain, replicaName } from '../../../domain/rollout.ts';
import { attend } from './attend.ts';
import { nextBackoffMs } from './backoff.ts';
import type { Birth } from './birth.ts';
import { removeAll, removeCgroup, whyOutOfMemory, withMemory } from './end.ts';
import type { Marks } from './environment.ts';
import { Forks } from './forks.ts';
import type { Group } from './group.ts';
import { kill, membersOf, sweep, terminate } from './group.ts';
import { runPreStop } from './hooks.ts';
import type { Identity } from './identity.ts';
import { AdoptedLife, COULD_NOT_START } from './life.ts';
import type { Life } from './life.ts';
import { describeHolders, listeners, LOOK_BOUNDS, NO_BOUNDS } from './listening.ts';
import { probeTarget } from './probe-target.ts';
import type { ProbeTarget } from './probes.ts';
import type { Placement, ReplicaRecord } from './replica-record.ts';
import { reasonOf } from './reason.ts';
import { NEW_RECORD, NO_PROCESS } from './replica-record.ts';
import { ReplicaFiles } from './replica-files.ts';
import type { Phase } from './replica-phase.ts';
import { mayMove, observed } from './replica-phase.ts';
import { tellInLog } from './spawn.ts';
import type { Surroundings } from './surroundings.ts';

/** Why a process is ended that nobody asked to end, for decisions and in words. */
type Cause = Required<Pick<Exit, 'cause' | 'causeCode'>>;

/** The leader of a replica whose application never came to be. */
const NOBODY: Identity = { boot: '', pid: -1, start: '' };

const NOT_LOOKED: Readiness = { ready: false, code: 'notLookedAt', saw: 'not looked at yet' };
const HOOK_CUT: Cause = {
  causeCode: 'supervisorRestarted',
  cause: 'the supervisor was started again during its post-start hook',
};
const STILL_READY: Readiness = {
  ready: true,
  code: 'ready',
  saw: 'was ready before the supervisor was started again',
};

/** Reachable from other hosts; refused processes; refused memory. */
type Remark = 'open' | 'processes' | 'memory';

/** The life of one replica: every process it ever has, one after the other, until nothing is left of it. */
export class Replica {
  readonly name: string;
  readonly placement: Placement;
  readonly files: ReplicaFiles;
  readonly marks: Marks;
  /** It is gone, or rests. */
  readonly over: Promise<void>;
  readonly #around: Surroundings;
  readonly #forks: Forks;
  #record: ReplicaRecord;
  #phase: Phase = { name: 'placed' };
  #readiness = NOT_LOOKED;
  #isToRest = false;
  readonly #remarks = new Map<Remark, string>();
  #isLeaving = false;
  /** Cuts a start short. */
  readonly #unwanted = new AbortController();
  /** Why the present process is being ended, where nobody asked for it. */
  #cause: Cause | undefined;
  #isOver: () => void = () => {};

  constructor(placement: Placement, record: ReplicaRecord | undefined, around: Surroundings) {
    const { instance, number: rollout } = placement.rollout;
    this.name = replicaName({ instance, rollout, ordinal: placement.ordinal });
    this.placement = placement;
    this.files = new ReplicaFiles(around.replicasDir, instance, rollout, placement.ordinal);
    this.marks = { home: around.home, replica: this.name };
    this.over = new Promise((resolve) => (this.#isOver = resolve));
    this.#around = around;
    this.#record = record ?? NEW_RECORD;
    this.#forks = new Forks(placement, this.files, this.marks, around, this.#record.holder);
    if (this.#record.port !== undefined) around.ports.hold(this.#record.port, this.name);
  }

  get record(): ReplicaRecord {
    return this.#record;
  }

  get isEnding(): boolean {
    return this.#record.wanted === 'removed';
  }

  /** When it resolves, a process lives, or waits for its next try. */
  async start(): Promise<void> {
    const { port: before, isPortProven } = this.#record;
    const { ports } = this.#around;
    const port = await ports.choose(this.name, before, isPortProven);
    if (port === undefined) {
      const holders = describeHolders(await listeners(), ports.low, ports.high);
      this.#around.journal.tell('no port is free', { replica: this.name, holders });
      return this.#couldNotStart(
        `ports ${ports.low}-${ports.high} are all taken${holders}; widen OPENSTAGE_APP_PORTS`,
      );
    }
    const flaw = await this.#forks.open().then(() => undefined, reasonOf);
    if (this.#isUnwanted()) {
      ports.release(port, this.name);
      return this.settle();
    }
    if (flaw !== undefined)
      return this.#couldNotStart(
        `its ${this.placement.rollout.volumes ? 'storage could not be mounted' : 'namespaces could not be made'}: ${flaw}`,
      );
    try {
      this.#prepare(port);
    } catch (error) {
      return this.#couldNotStart(`its files could not be written: ${reasonOf(error)}`);
    }
    this.#forks.commit();
    await this.#spawn(port);
  }

  /** A process of an earlier supervisor still lives. */
  adopt(identity: Identity): void {
    const { startedAt = Date.now(), ready } = this.#record;
    this.#save({ boot: identity.boot, pid: identity.pid, start: identity.start, startedAt });
    if (ready === 'now') this.#readiness = STILL_READY;
    this.#forks.join(identity.pid);
    const isCut = this.placement.rollout.postStart && this.#record.postStart !== 'done';
    // How far the hook came nobody knows: the process gets another start, and the hook with it.
    this.#live(new AdoptedLife(identity, startedAt), isCut ? HOOK_CUT : undefined);
  }

  /** Nobody saw its process end: it goes on as after any other exit. */
  lost(): void {
    this.#exited({ unknown: true, at: Date.now() }, 0);
    this.settle();
  }

  /** The machine was started again, or its supervisor rested: that is no exit to be slow about. */
  async revive(): Promise<void> {
    const { pid, restarts } = this.#record;
    const lastExit = { unknown: true, at: Date.now() };
    this.#save({ ...NO_PROCESS, backoffMs: undefined, restarts: restarts + 1, ...(pid ? { lastExit } : {}) });
    await this.start();
  }

  /** Ends it for good; may come again, with less grace. */
  retire(graceMs: number): Promise<void> {
    if (!this.isEnding) this.#save({ wanted: 'removed', graceMs });
    this.#unwanted.abort();
    this.#endNow(graceMs);
    this.#around.crashPoint('during-retire');
    return this.over;
  }

  /** Ends it until the next supervisor. */
  rest(): Promise<void> {
    this.#isToRest = true;
    this.#unwanted.abort();
    this.#endNow(this.placement.rollout.graceMs);
    return this.over;
  }

  /** No process of it lives, and none is to until the next supervisor. */
  stayAtRest(): void {
    this.#isToRest = true;
    this.settle();
  }

  observe(): Observed {
    const seen = observed(this.placement, this.#record, this.#phase, this.#readiness, this.#around.bounds);
    const { readiness } = seen;
    const { cause = '' } = seen.lastExit ?? {};
    const again = isOverrunAgain(seen, Date.now())
      ? [`was ended more than once, at last since ${cause}`]
      : [];
    const saw = [readiness.saw, ...this.#remarks.values(), ...again].join('; ');
    return { ...seen, readiness: { ...readiness, saw } };
  }

  /** Of the present process, in its cgroup where there is one. */
  async pids(): Promise<readonly number[]> {
    const { name } = this.#phase;
    if (name !== 'alive' && name !== 'ending') return [];
    return membersOf(this.#group(this.#phase.life.identity), this.#around);
  }

  /** It took more of what all share than it may: told, ended and, later and later, started again. */
  overrun(cause: string): void {
    if (this.#phase.name === 'alive') this.#fail(this.#phase.life, { causeCode: 'tookTooMuch', cause });
  }

  /** What its owner should know though it runs: told once in its log, and with whatever a probe sees. */
  remark(about: Remark, sentence: string | undefined): void {
    if (this.#phase.name !== 'alive' || this.#remarks.get(about) === sentence) return;
    if (sentence === undefined) this.#remarks.delete(about);
    else this.#remarks.set(about, sentence);
    if (sentence !== undefined) tellInLog(this.files, `the application ${sentence}`);
    this.#around.changed(this.placement.rollout.instance);
  }

  #move(to: Phase): void {
    if (!mayMove(this.#phase, to)) {
      throw new Error(`Replica ${this.name} cannot go from ${this.#phase.name} to ${to.name}.`);
    }
    this.#phase = to;
    this.#around.changed(this.placement.rollout.instance);
  }

  #save(change: Partial<ReplicaRecord>): void {
    this.#record = { ...this.#record, ...change };
    try {
      this.files.save(this.#record);
    } catch (error) {
      // A successor would know less; the applications go on.
      this.#around.journal.tell('state not saved', { replica: this.name, reason: reasonOf(error) });
    }
  }

  #isUnwanted(): boolean {
    return this.isEnding || this.#isToRest;
  }

  /** Everything that a successor must know to find the process that comes next. */
  #prepare(port: number): void {
    const { cgroups, boot } = this.#around;
    const { instance, number, limits } = this.placement.rollout;
    const cgroup = cgroups.make(`${instance}-${number}-${this.placement.ordinal}`, limits);
    const isPortProven = this.#record.isPortProven && port === this.#record.port;
    const oomKills = cgroup ? cgroups.oomKills(cgroup) : 0;
    const { holder } = this.#forks;
    this.#record = { ...this.#record, ...NO_PROCESS, holder, boot, port, isPortProven, cgroup, oomKills };
    this.files.save(this.#record);
    this.#readiness = NOT_LOOKED;
    this.#remarks.clear();
  }

  async #spawn(port: number): Promise<void> {
    this.#around.crashPoint('before-spawn');
    const { cgroup } = this.#record;
    let birth: Birth;
    try {
      birth = await this.#forks.bear(port, cgroup, this.#unwanted.signal);
    } catch (error) {
      if (!this.#isUnwanted()) return this.#couldNotStart(reasonOf(error));
      await sweep(this.#group(NOBODY), this.#around, () => 0);
      return this.settle();
    }
    this.#around.crashPoint('after-spawn');
    const { identity, startedAt } = birth.life;
    const postStart = this.placement.rollout.postStart && 'begun';
    const { fences } = this.#forks;
    this.#save({ pid: identity.pid, start: identity.start, startedAt, fences, postStart });
    birth.give();
    this.#live(birth.life);
  }

  #couldNotStart(reason: string): void {
    this.#exited({ code: COULD_NOT_START, at: Date.now() }, 0);
    this.#tellFlaw(reason);
    this.settle();
  }

  #tellFlaw(reason: string): void {
    const sentence = `${this.placement.rollout.workload.launch.argv[0] ?? 'The application'} could not be started: ${reason}`;
    tellInLog(this.files, sentence);
    this.#readiness = { ready: false, code: 'notStarted', saw: sentence };
  }

  #live(life: Life, flaw?: Cause): void {
    this.#move({ name: 'alive', life });
    const leave = flaw === undefined ? this.#attend(life) : () => {};
    if (this.#isUnwanted()) this.#endBy(life, this.#record.graceMs ?? this.placement.rollout.graceMs);
    else if (flaw !== undefined) this.#fail(life, flaw);
    this.#around.watchOver(
      life.ended.then(async ({ flaw: reason, ...exit }) => {
        leave();
        await this.#endWhatIsLeft(life);
        this.#exited(exit, performance.now() - life.sinceMs);
        if (reason !== undefined) this.#tellFlaw(reason);
        this.settle();
      }),
    );
  }

  #attend(life: Life): () => void {
    const { rollout } = this.placement;
    const { port } = this.#record;
    if (port === undefined) return () => {};
    const isHookDone = this.#record.postStart !== 'begun';
    return attend({
      postStart: isHookDone ? undefined : rollout.postStart,
      onPostStartDone: () => this.#save({ postStart: 'done' }),
      onPostStartFailed: (saw) =>
        this.#fail(life, { causeCode: 'postStartFailed', cause: `its post-start hook failed (${saw})` }),
      readiness: rollout.readiness,
      readinessPath: rollout.workload.launch.readinessPath,
      liveness: rollout.liveness,
      ...this.#target(port),
      sinceMs: life.sinceMs,
      isReady: this.#readiness.ready,
      listening: {
        user: this.#around.unfenced.has('bounded-looks') ? undefined : rollout.placement.user,
        pids: () => membersOf(this.#group(life.identity), this.#around),
        isAnothers: (other) => this.#around.ports.isAnothers(other, this.name),
        bounds: this.#around.unfenced.has('bounded-looks') ? NO_BOUNDS : LOOK_BOUNDS,
      },
      onReadiness: (seen) => this.#seen(seen),
      onNotAlive: (saw) =>
        this.#fail(life, { causeCode: 'livenessFailed', cause: `its liveness probe failed (${saw})` }),
    });
  }

  #target(port: number): ProbeTarget {
    const run = (command: readonly string[]) => this.#forks.run(port, this.#record.cgroup, command);
    return probeTarget(this, port, run, this.#around);
  }

  #fail(life: Life, cause: Cause): void {
    if (this.#phase.name !== 'alive') return;
    tellInLog(this.files, `${cause.cause}; the application is started again`);
    this.#endBy(life, this.placement.rollout.graceMs, cause);
  }

  #seen(seen: Readiness): void {
    const before = this.#readiness;
    this.#readiness = seen;
    if (before.ready !== seen.ready) {
      this.#save(seen.ready ? { ready: 'now', isPortProven: true } : { ready: 'once' });
    }
    if (before.ready !== seen.ready || before.saw !== seen.saw)
      this.#around.changed(this.placement.rollout.instance);
  }

  #endNow(graceMs: number): void {
    switch (this.#phase.name) {
      case 'placed': // start() looks when it has its port
        return;
      case 'alive':
      case 'ending':
        return this.#endBy(this.#phase.life, graceMs);
      case 'backoff':
        clearTimeout(this.#phase.timer);
        return this.settle();
      case 'resting':
      case 'gone':
        return;
    }
  }

  #endBy(life: Life, graceMs: number, cause?: Cause): void {
    let deadline = performance.now() + graceMs;
    if (this.#phase.name === 'ending') {
      clearTimeout(this.#phase.killer);
      deadline = Math.min(deadline, this.#phase.deadline);
    } else {
      this.#cause = cause;
      this.#askToEnd(life, graceMs);
    }
    const end = () => {
      this.#forks.close();
      this.#around.watchOver(kill(this.#group(life.identity), this.#around));
    };
    const killer = setTimeout(end, Math.max(0, deadline - performance.now()));
    this.#readiness = { ready: false, code: 'ending', saw: 'is ending' };
    this.#move({ name: 'ending', life, deadline, killer });
    life.lookClosely();
  }

  #askToEnd(life: Life, graceMs: number): void {
    const ask = () => terminate(this.#group(life.identity), this.#around);
    const { port } = this.#record;
    const { preStop } = this.placement.rollout;
    if (!preStop || graceMs <= 0 || port === undefined) return this.#around.watchOver(ask());
    const work = runPreStop(preStop, this.#target(port), graceMs).then(async (seen) => {
      if (!seen.isFine) tellInLog(this.files, `its pre-stop hook failed (${seen.saw}); the end goes on`);
      if (this.#phase.name === 'ending' && this.#phase.life === life) await ask();
    });
    this.#around.watchOver(work);
  }

  async #endWhatIsLeft(life: Life): Promise<void> {
    // Nobody asked it to end, so nobody waits for what it left, which may hold the port.
    if (this.#phase.name === 'alive') {
      this.#forks.close();
      this.#endBy(life, 0);
    }
    const deadline = () => (this.#phase.name === 'ending' ? this.#phase.deadline : 0);
    await sweep(this.#group(life.identity), this.#around, deadline);
    if (this.#phase.name === 'ending') clearTimeout(this.#phase.killer);
  }

  #group(leader: Identity): Group {
    const { user } = this.placement.rollout.placement;
    return { leader, marks: this.marks, place: this.#record.cgroup, user };
  }

  #exited(seen: Exit, livedMs: number): void {
    this.#forks.close();
    const exit = { ...withMemory(seen, this.#record, this.#around.cgroups), ...this.#cause };
    this.#cause = undefined;
    if (exit.outOfMemory === true) tellInLog(this.files, whyOutOfMemory(this.placement.rollout.limits));
    const backoffMs = nextBackoffMs(this.#record.backoffMs, livedMs, { exit, before: this.#record.lastExit });
    this.#readiness = { ready: false, code: 'ended', saw: 'its process has ended' };
    this.#save({ ...NO_PROCESS, lastExit: exit, backoffMs });
    this.#around.journal.tell('replica exited', { replica: this.name, exit });
  }

  /** No process of it lives: removed, at rest, or waiting for its next start. */
  settle(): void {
    this.#forks.close();
    if (this.#isUnwanted()) {
      if (this.#isLeaving) return;
      this.#isLeaving = true;
      return this.#around.watchOver(this.#leave());
    }
    const timer = setTimeout(() => {
      this.#move({ name: 'placed' });
      this.#record = { ...this.#record, restarts: this.#record.restarts + 1 };
      this.#around.watchOver(this.start());
    }, this.#record.backoffMs ?? 0);
    this.#move({ name: 'backoff', timer });
  }

  async #leave(): Promise<void> {
    if (!this.isEnding) {
      if (this.#record.cgroup) await removeCgroup(this.#record.cgroup, this.#around);
      // Meanwhile it may have become unwanted for good.
      if (!this.isEnding) {
        this.#save({ backoffMs: undefined });
        this.#move({ name: 'resting' });
        return this.#isOver();
      }
    }
    this.#around.crashPoint('before-remove');
    await removeAll(this.name, this.files, this.#record, this.#around);
    this.#move({ name: 'gone' });
    this.#isOver();
  }
}
