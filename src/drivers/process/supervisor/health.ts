import type { Probe } from '../../../domain/release.ts';
import type { Readiness } from '../../../domain/rollout.ts';
import type { Listening } from './listening.ts';
import { isStrangers, listensElsewhere } from './listening.ts';
import type { Look, ProbeTarget } from './probes.ts';
import { look, ownProbe } from './probes.ts';

export interface Subject extends ProbeTarget {
  readonly readiness: Probe | undefined;
  /** The runtime's own, where the user named none. */
  readonly readinessPath: string | undefined;
  readonly liveness: Probe | undefined;
  /** By the monotonic clock. */
  readonly sinceMs: number;
  readonly isReady: boolean;
  readonly listening: Listening;
  readonly onReadiness: (seen: Readiness) => void;
  readonly onNotAlive: (saw: string) => void;
}

/** A refused connection costs next to nothing, so nobody who just began to listen waits for us. */
const FIRST_LOOK_MS = 5;
const EAGER_MS = 5000;
/** Later, a look comes when the application has lived that much longer: it adds at most this share to a start. */
const SHARE = 0.02;
/** A look that the application answers costs it something. */
const ANSWERED_SHARE = 0.05;
const RELAXED_MS = 1000;
/** Where the user asked for no probe it is only a second opinion: the end of the process is an event. */
const RELAXED_OWN_MS = 5000;
const SUSPICIOUS_MS = 200;
/** One slow answer does not take a replica out of service. */
const FAILURES = 3;
const ELSEWHERE_MS = 1000;

/** Looks at one life until the returned function is called. */
export function watchHealth(subject: Subject): () => void {
  const stops = [watchReadiness(subject)];
  if (subject.liveness) stops.push(watchLiveness(subject, subject.liveness));
  return () => stops.forEach((stop) => stop());
}

/** Calls `turn` again and again; it answers how long to wait. */
function loop(delayMs: number, turn: () => Promise<number>): () => void {
  let isStopped = false;
  let timer: NodeJS.Timeout;
  const wait = (ms: number) => {
    timer = setTimeout(() => {
      void turn().then((next) => {
        if (!isStopped) wait(next);
      });
    }, ms);
  };
  wait(delayMs);
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

const untilDelay = (subject: Subject, probe: Probe): number =>
  Math.max(0, subject.sinceMs + probe.delayMs - performance.now());

function watchReadiness(subject: Subject): () => void {
  const probe = subject.readiness ?? ownProbe(subject.readinessPath);
  const relaxedMs = subject.readiness ? RELAXED_MS : RELAXED_OWN_MS;
  let isReady = subject.isReady;
  let isStopped = false;
  let failures = 0;
  let lastElsewhere = 0;
  const stop = loop(untilDelay(subject, probe), async () => {
    const seen = await look(probe, subject);
    if (isStopped) return RELAXED_MS;
    const isTrue =
      seen.isFine &&
      (isReady ||
        probe.type === 'command' ||
        subject.isOwnerAsked ||
        !(await isStrangers(subject.listening, subject.port)));
    if (isStopped) return RELAXED_MS;
    failures = isTrue ? 0 : failures + 1;
    if (isTrue) {
      isReady = true;
      subject.onReadiness({ ready: true, code: 'ready', saw: seen.saw });
      return relaxedMs;
    }
    if (isReady && failures < FAILURES) return SUSPICIOUS_MS;
    isReady = false;
    subject.onReadiness(seen.isFine || seen.isTaken ? taken(subject.port) : await explain(seen));
    return untilNext(performance.now() - subject.sinceMs - probe.delayMs, seen.isRefused);
  });

  async function explain(seen: Look): Promise<Readiness> {
    const now = performance.now();
    if (!seen.isRefused) return { ready: false, code: 'probeFailed', saw: seen.saw };
    const notListening = { ready: false, code: 'notListening', saw: seen.saw } as const;
    if (now - subject.sinceMs < ELSEWHERE_MS) return notListening;
    // Looked for once a second, it would otherwise be forgotten by the looks between.
    if (now - lastElsewhere >= ELSEWHERE_MS) {
      lastElsewhere = now;
      elsewhere = await listensElsewhere(subject.listening, subject.port);
    }
    return elsewhere === undefined
      ? notListening
      : { ready: false, code: 'listensElsewhere', saw: elsewhere };
  }
  let elsewhere: string | undefined;

  return () => {
    isStopped = true;
    stop();
  };
}

const taken = (port: number): Readiness => ({
  ready: false,
  code: 'portTaken',
  saw: `another program listens on PORT (${port})`,
});

export function untilNext(elapsedMs: number, isRefused: boolean): number {
  if (isRefused && elapsedMs < EAGER_MS) return FIRST_LOOK_MS;
  const share = elapsedMs * (isRefused ? SHARE : ANSWERED_SHARE);
  return Math.min(RELAXED_MS, Math.max(FIRST_LOOK_MS, share));
}

function watchLiveness(subject: Subject, probe: Probe): () => void {
  let failures = 0;
  let isStopped = false;
  const stop = loop(untilDelay(subject, probe), async () => {
    const seen = await look(probe, subject);
    failures = seen.isFine ? 0 : failures + 1;
    if (failures >= FAILURES && !isStopped) {
      failures = 0;
      subject.onNotAlive(seen.saw);
    }
    return RELAXED_MS;
  });
  return () => {
    isStopped = true;
    stop();
  };
}
