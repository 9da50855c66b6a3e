import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { safeFileName } from '../artifacts/file-name.ts';
import { removeDir, takeBack } from '../builds/build-dir.ts';
import { BuildLog } from '../builds/build-log.ts';
import { buildKeyOf } from '../builds/build-store.ts';
import { checkOut, resolveRef, type Resolved } from '../builds/check-out.ts';
import { MOST_ENTRIES } from '../builds/disk-watch.ts';
import type { GitPlace, Repository } from '../builds/git.ts';
import { masker } from '../builds/passed-on.ts';
import { PATH } from '../builds/confine.ts';
import { runStep, type StepLimits } from '../builds/run-step.ts';
import type { Built } from '../builds/source-builds.ts';
import { resultOf } from '../builds/source-result.ts';
import type { StepUser } from '../builds/step-users.ts';
import { SourceTree } from '../builds/source-tree.ts';
import type { Release } from '../domain/release.ts';
import type { CodeSource } from '../domain/repository.ts';
import type { TaskContext } from '../jobs/kind.ts';
import type { Executables, Runtime } from '../runtimes/runtime.ts';
import { recordArtifact } from '../store/artifacts.ts';
import { findBuiltSource } from '../store/built-sources.ts';
import type { Instance } from '../store/instances.ts';
import { writeJobLog } from '../store/job-logs.ts';
import { updateRelease } from '../store/releases.ts';
import { loadRuntime } from './load-rollout.ts';
import { openRepository } from './open-repository.ts';
import type { Parts } from './parts.ts';

/** Rises when the same code would be built into something else. */
const BUILDER = '1';
const SHOWN_LINES = 20;
const KEPT_LINES = 50;

/** One build from code, as far as it is known. */
interface Work {
  readonly context: TaskContext<Parts>;
  readonly source: CodeSource;
  readonly runtime: Runtime;
  readonly executables: Executables;
  readonly repository: Repository;
  readonly log: BuildLog;
  /** Of its own, removed at the end. */
  readonly dir: string;
  /** Users of this build alone, where the platform is root: git's environment holds the credential. */
  readonly users?: { readonly git: StepUser; readonly command: StepUser };
}

/** Turns code into the digest of a package that is kept here: the commit that its branch or tag means now, built. */
export async function buildSource(
  context: TaskContext<Parts>,
  instance: Instance,
  release: Release,
  source: CodeSource,
): Promise<void> {
  const { parts, write, job } = context;
  const runtime = await loadRuntime(parts, instance);
  const executables = await parts.locator.find(runtime);
  const repository = await openRepository(parts, instance.project, source);
  const log = newLog(context, repository);
  const dir = await parts.builds.workspace();
  const users = await takeUsers(parts);
  try {
    const work = { context, source, runtime, executables, repository, log, dir, ...(users && { users }) };
    const { resolved, sourceKey, built } = await findOrBuild(work, instance);
    await write(async (tx) => {
      const time = parts.now();
      await recordArtifact(tx, { digest: built.digest, size: built.size, time });
      const { digest, fileName } = built;
      await updateRelease(tx, release.id, { digest, fileName, commit: resolved.commit, sourceKey });
    });
  } catch (error) {
    log.line(error instanceof Error ? error.message : String(error));
    throw error;
  } finally {
    await removeDir(dir);
    users?.git.free();
    users?.command.free();
    const kept = { project: instance.project, content: log.text(), lastLines: log.lastLines(KEPT_LINES) };
    // A worker that lost the job has no say any more, and a log is no reason to fail.
    await write((tx) => writeJobLog(tx, { job: job.id, ...kept, time: parts.now() })).catch(() => undefined);
  }
}

async function takeUsers({ steps }: Parts): Promise<Work['users']> {
  const git = await steps.takeUser();
  if (!git) return undefined;
  try {
    const command = await steps.takeUser();
    return command && { git, command };
  } catch (error) {
    git.free();
    throw error;
  }
}

function newLog({ parts, progress }: TaskContext<Parts>, { credential }: Repository): BuildLog {
  const mirrors = masker(parts.buildVariables);
  const basic = Buffer.from(`${credential?.user}:${credential?.password}`).toString('base64');
  const secrets = credential ? [credential.password, encodeURIComponent(credential.password), basic] : [];
  const masked = (line: string) =>
    secrets
      .filter((secret) => secret !== '')
      .reduce((text, secret) => text.replaceAll(secret, '******'), mirrors(line));
  const recent: string[] = [];
  return new BuildLog(masked, (line) => {
    recent.push(line.slice(0, 200));
    if (recent.length > SHOWN_LINES) recent.shift();
    progress(recent.join('\n'));
  });
}

async function findOrBuild(work: Work, { project }: Instance) {
  const { context, source, runtime, executables, repository, log, dir } = work;
  const { parts, stop } = context;
  const clone = join(dir, 'clone');
  await mkdir(clone, { mode: 0o700 });
  log.line(`Asking ${repository.url} for ${source.ref ?? 'its default branch'}.`);
  const place = gitPlace(work, clone);
  const resolved = await resolveRef(repository, source.ref, place);
  log.line(`Commit ${resolved.commit}${resolved.name === undefined ? '' : ` (${resolved.name})`}.`);
  const versions = [...executables.values()].map(({ version }) => version);
  // Named by its repository and project too: another server may say that it has the same commit.
  const sourceKey = buildKeyOf(
    ...[BUILDER, project, repository.url, resolved.commit, source.command ?? '', runtime.name],
    ...versions,
  );
  const waits = () => log.line('Another job builds the same; waiting for it.');
  const built = await parts.sources.once(sourceKey, stop, waits, async () => {
    const found = await findBuiltSource(parts.store.read, project, sourceKey);
    if (!found || !(await parts.artifacts.has(found.digest))) return build(work, place, resolved);
    log.line(
      `It was built before, with the same command and ${versions.join(', ')}: nothing is built again.`,
    );
    return found;
  });
  return { resolved, sourceKey, built };
}

function gitPlace({ context, log, users }: Work, dir: string): GitPlace {
  const { parts, stop } = context;
  const rest = { limits: limitsOf(parts), fence: parts.steps.fence() };
  return { dir, log, signal: stop, ...rest, ...(users && { user: users.git.id }) };
}

function limitsOf({ sources }: Parts): Partial<StepLimits> {
  const { timeMs, memoryBytes, diskBytes, freeBytes } = sources.settings.limits;
  return { timeMs, memoryBytes, disk: { bytes: diskBytes, entries: MOST_ENTRIES, freeBytes } };
}

async function build(work: Work, place: GitPlace, resolved: Resolved): Promise<Built> {
  const { context, source, runtime, repository, log, dir } = work;
  const { parts, stop } = context;
  const slot = await parts.sources.slots.take(stop, (ahead) =>
    log.line(`Waiting for a build slot; ${ahead} builds wait before this one.`),
  );
  try {
    await parts.builds.assertFree(parts.sources.settings.limits.freeBytes);
    await checkOut(repository, resolved, join(place.dir, 'tree'), place);
    await takeBack(place.dir, parts.steps.isMaker);
    const home = join(dir, 'build');
    await mkdir(home, { mode: 0o700 });
    await rename(join(place.dir, 'tree'), join(home, 'tree'));
    await removeDir(place.dir);
    const tree = new SourceTree(join(home, 'tree'));
    const command = source.command ?? (await defaultCommand(tree, runtime));
    if (command === undefined) log.line('There is nothing to build: the code itself is the package.');
    else await runCommand(work, { home, tree, command, resolved });
    await takeBack(home, parts.steps.isMaker);
    const name = new URL(repository.url).pathname.split('/').findLast((part) => part !== '') ?? '';
    const treeName = `${name.replace(/\.git$/, '').replace(/[^A-Za-z0-9._-]/g, '_') || 'source'}-${resolved.commit.slice(0, 12)}`;
    const { fileName, content } = await resultOf(tree, runtime.fromSource?.archives ?? [], treeName);
    const kept = await parts.artifacts.put(content, { maxBytes: parts.limits.maxPackageBytes, signal: stop });
    log.line(`The result is ${fileName}, ${kept.size} bytes, SHA-256 ${kept.digest}.`);
    return { ...kept, fileName: safeFileName(fileName) };
  } finally {
    slot.free();
  }
}

async function defaultCommand(tree: SourceTree, runtime: Runtime): Promise<string | undefined> {
  if (!(await tree.has('build.sh'))) return runtime.fromSource?.command(tree);
  return (await tree.isExecutable('build.sh')) ? './build.sh' : 'sh ./build.sh';
}

async function runCommand(
  { context, source, runtime, executables, log, users }: Work,
  running: {
    readonly home: string;
    readonly tree: SourceTree;
    readonly command: string;
    readonly resolved: Resolved;
  },
): Promise<void> {
  const { parts, stop } = context;
  const { home, tree, command, resolved } = running;
  log.line(`$ ${command}`);
  const commands = await runtime.fromSource?.commands?.(executables);
  const programs = [...executables].filter(([name]) => commands?.[name] === undefined);
  const dirs = [...new Set(programs.map(([, { path }]) => dirname(path)))];
  await runStep({
    argv: ['/bin/sh', '-c', command],
    dir: home,
    cwd: tree.dir,
    env: {
      PATH: [...dirs, PATH].join(':'),
      CI: 'true',
      OPENSTAGE_COMMIT: resolved.commit,
      ...(source.ref !== undefined && { OPENSTAGE_REF: source.ref }),
    },
    passedOn: parts.buildVariables,
    ...(commands && { commands }),
    limits: limitsOf(parts),
    fence: parts.steps.fence([...executables.values()].map(({ path }) => path)),
    onOutput: (chunk) => log.add(chunk),
    signal: stop,
    ...(users && { user: users.command.id }),
  });
  log.flush();
}
