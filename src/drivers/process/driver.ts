import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { FenceSeen, Unfenced } from '../../domain/fences.ts';
import { Problem } from '../../domain/errors.ts';
import type { HostId, InstanceId } from '../../domain/ids.ts';
import { instanceId } from '../../domain/ids.ts';
import type { Observed, Rollout } from '../../domain/rollout.ts';
import type { Driver } from '../driver.ts';
import { checkHost } from './check.ts';
import { checkVolumes } from './check-volumes.ts';
import { ConnectionLost } from './connection.ts';
import type { Log } from './link.ts';
import { SupervisorLink } from './link.ts';
import { isPorts } from './supervisor/protocol.ts';
import { isObserved } from './supervisor/rollout-shape.ts';
import { expect, list, text } from './supervisor/shape.ts';

export interface ProcessDriverOptions {
  readonly dataDir: string;
  readonly keyFile: string;
  readonly ports: { readonly low: number; readonly high: number };
  readonly host: HostId;
  /** The Node that runs the supervisor. */
  readonly node: string;
  readonly log: Log;
  /** Where Node keeps what it compiled; absent: in the data directory. */
  readonly cacheDir?: string;
  /** How long the supervisor may take for what it answers at once; absent: ANSWER_MS. */
  readonly answerMs?: number;
  /** A supervisor that has to be started ends what it finds and starts nothing. */
  readonly toEnd?: boolean;
  /** What the directories of one replica may hold; absent: the supervisor's own. */
  readonly disk?: { readonly mib: number; readonly files: number };
  /** For tests alone: fences that are left out. */
  readonly unfenced?: Unfenced;
  /** For tests: a boot id, a crash file. */
  readonly supervisorArgs?: readonly string[];
}

/** On a loaded machine a look takes seconds; a supervisor that says nothing for longer hangs. */
const ANSWER_MS = 30_000;

export interface ProcessDriver extends Driver {
  /** What the host has of each fence, as the supervisor told; empty where it has not yet. */
  fences(): readonly FenceSeen[];
  /** Throws where the supervisor does not answer. */
  reach(): Promise<void>;
  /** Lets go of the supervisor, which goes on with its applications. */
  close(): void;
  /** Ends the supervisor; applications that are stopped are started again by the next one. */
  shutdown(options: { readonly applications: 'leave' | 'stop' }): Promise<void>;
}

/** Runs replicas as processes of this host, under a supervisor that outlives the platform. */
export async function openProcessDriver(options: ProcessDriverOptions): Promise<ProcessDriver> {
  mkdirSync(options.dataDir, { recursive: true });
  // Both sides name it alike, whichever way the user wrote it.
  const dataDir = realpathSync(options.dataDir);
  const { keyFile, ports, node, host, answerMs = ANSWER_MS } = options;
  const unfenced =
    options.unfenced && options.unfenced.size > 0 ? [...options.unfenced].join(',') : undefined;
  const more = [
    ...(options.supervisorArgs ?? []),
    ...(options.toEnd === true ? ['--to-end'] : []),
    ...(options.disk
      ? ['--most-disk-mib', String(options.disk.mib), '--most-files', String(options.disk.files)]
      : []),
    ...(unfenced === undefined ? [] : ['--unfenced', unfenced]),
  ];
  const cacheDir = options.cacheDir ?? join(dataDir, 'run', 'node-cache');
  const logFile = join(dataDir, 'logs', 'supervisor.log');
  const link = new SupervisorLink({ dataDir, keyFile, ports, node, logFile, cacheDir, more }, options.log);
  await link.open();

  const isHere = (rollout: Rollout, ordinal: number): boolean =>
    rollout.placement.hosts[ordinal % rollout.placement.hosts.length] === host;
  const here = (rollout: Rollout, count: number): number[] =>
    Array.from({ length: count }, (_, ordinal) => ordinal).filter((ordinal) => isHere(rollout, ordinal));
  const observe = async (instance?: InstanceId): Promise<readonly Observed[]> => {
    const call = { op: 'observe', ...(instance !== undefined && { instance }) } as const;
    const answer = await link.call(call, answerMs);
    return expect(list(isObserved), answer, "The supervisor's answer");
  };

  return {
    name: 'process',
    async check(rollout, count) {
      const room = expect(isPorts, await link.call({ op: 'ports' }, answerMs), "The supervisor's answer");
      return checkHost(dataDir, rollout, here(rollout, count).length, room);
    },
    checkVolumes: (wanted) => checkVolumes(dataDir, wanted),
    async ensure(rollout, count, stop) {
      stop.throwIfAborted();
      const ordinals = here(rollout, count);
      if (count > 0 && ordinals.length === 0) throw notHere(rollout, host);
      await unlessStopped(link.call({ op: 'ensure', rollout, ordinals, host }), stop);
    },
    async retire(instance, rollout, keep, graceMs) {
      await link.call({ op: 'retire', instance, rollout, keep, graceMs });
    },
    observe,
    async *logs(replica, tail, follow) {
      const call = { op: 'logs', replica, tail, follow: follow !== undefined } as const;
      for await (const line of link.stream(call, follow ?? new AbortController().signal)) {
        yield { text: expect(text, line, 'The log line') };
      }
    },
    async *watch(stop) {
      while (!stop.aborted) {
        try {
          for await (const instance of link.stream({ op: 'watch' }, stop)) {
            yield instanceId(expect(text, instance, 'The instance'));
          }
        } catch (error) {
          if (!(error instanceof ConnectionLost) && !(error instanceof Problem)) throw error;
          await wait(REWATCH_MS, undefined, { signal: stop }).catch(() => {});
        }
      }
    },
    fences: () => link.fences(),
    async reach() {
      await link.call({ op: 'ports' }, answerMs);
    },
    close: () => link.close(),
    async shutdown({ applications }) {
      await link.call({ op: 'shutdown', applications });
      link.close();
    },
  };
}

/** Nothing to do would look like done, while nothing runs. */
const notHere = ({ instance, placement }: Rollout, host: HostId) =>
  new Problem(
    'targetUnavailable',
    `No replica of instance ${instance} belongs to this host ${host}; they belong to ${placement.hosts.join(', ')}. ` +
      'If such a host is gone, take its place with "openstage hosts replace"; otherwise change the instance to hosts that are there.',
  );

const REWATCH_MS = 20;

function unlessStopped<T>(work: Promise<T>, stop: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(stop.reason);
    stop.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => stop.removeEventListener('abort', abort));
  });
}
