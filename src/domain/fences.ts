/**
 * What holds applications apart from each other and from the host. Which of these are there depends on the machine and
 * on whom the platform runs as; what is missing is said, never passed over.
 */
const holds = {
  users: 'each instance runs as a user of its own, without the rights of the platform',
  memory: 'the memory of a replica is bounded by its flavor',
  cpu: 'the processor time of a replica is bounded by its flavor, and the platform comes before it',
  pids: 'the number of processes and threads of a replica is bounded',
  kill: 'all processes of a replica are ended in one step, however fast they fork',
  mounts: 'a replica sees its own files and none of other instances or of the platform',
  processes: 'a replica sees its own processes only, and they end with it',
  ipc: 'shared memory and queues of a replica are its own and end with it',
  descriptors: 'the number of open files and sockets of an application is bounded',
  watched:
    'ports, open files, disk and number of files of an application are counted from outside, and who takes too many is ended',
  'oom-score': 'where the machine runs out of memory, applications are ended before the platform',
  'oom-protection': 'where the machine runs out of memory, the supervisor is spared',
} as const;

export type Fence = keyof typeof holds;

const isFence = (word: string): word is Fence => Object.hasOwn(holds, word);

export const fences: readonly Fence[] = Object.keys(holds).filter(isFence);

/** The same for the steps of builds: install scripts of packages, and builds from code. */
const stepsHold = {
  'step-users': 'each build step runs as a user of its own, without the rights of the platform',
  'step-mounts': 'a build step sees its own tree and no other file of the platform',
  'step-processes': 'a build step sees its own processes only, and none of them outlives it',
  'step-memory': 'the memory of a build step is bounded as a whole by the kernel',
  'step-pids': 'the number of processes and threads of a build step is bounded as a whole by the kernel',
} as const;

export type StepFence = keyof typeof stepsHold;

export const stepFences: readonly StepFence[] = [
  'step-users',
  'step-mounts',
  'step-processes',
  'step-memory',
  'step-pids',
];

interface Seen<F extends Fence | StepFence> {
  readonly fence: F;
  /** Why it is missing; absent: it is there. */
  readonly lack?: string;
}

/** One fence as it was found at the start of the supervisor. */
export type FenceSeen = Seen<Fence>;
/** One fence of build steps as it was found at the start of the platform. */
export type StepFenceSeen = Seen<StepFence>;
/** Any fence of the host. */
export type HostFenceSeen = Seen<Fence | StepFence>;

/**
 * Guards of the code, which every machine has. They have names so that a test of an attack can take one away, see the
 * attack succeed, and then see it fail.
 */
export const guards = [
  'confined-steps',
  'handed-variables',
  'adoption-by-owner',
  'bounded-looks',
  'watched-bounds',
  'socket-owners',
] as const;
export type Guard = (typeof guards)[number];

/** For tests alone: what is left out although it could be there. No setting and no variable reaches it. */
export type Unfenced = ReadonlySet<Fence | Guard>;
export const NOTHING_UNFENCED: Unfenced = new Set();

/** Of a process's own arguments: "users,mounts". */
export function parseUnfenced(words: string): Unfenced {
  const known: readonly (Fence | Guard)[] = [...fences, ...guards];
  return new Set(
    words
      .split(',')
      .filter(Boolean)
      .map((word) => {
        const found = known.find((each) => each === word);
        if (found === undefined)
          throw new Error(`"${word}" is no fence; expected some of ${known.join(', ')}.`);
        return found;
      }),
  );
}

/** "the memory of a replica is bounded by its flavor". */
export const whatHolds = (fence: Fence | StepFence): string => ({ ...holds, ...stepsHold })[fence];

/** Two lines for people: which fences are there, and which are missing and why. */
export function describeFences(seen: readonly HostFenceSeen[]): readonly string[] {
  const there = seen.filter(({ lack }) => lack === undefined).map(({ fence }) => fence);
  const missing = seen.flatMap(({ fence, lack }) => (lack === undefined ? [] : [`${fence} (${lack})`]));
  return [
    `Fences in force: ${there.length > 0 ? there.join(', ') : 'none'}`,
    ...(missing.length > 0 ? [`Fences missing: ${missing.join('; ')}`] : []),
  ];
}
