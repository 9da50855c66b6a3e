import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { create } from 'tar';
import { zip, type Entry } from './zip.ts';

/** What the sample applications are packed as. */
export type Form = 'zip' | 'tgz' | 'jar' | 'war';

export interface Wish {
  /** Shown by GET /; any text that suits a file. */
  readonly version?: string;
  /** A directory `<runtime>-<variant>` of the fixtures, laid over the sample. */
  readonly variant?: string;
  readonly form?: Form;
}

/** A tool that building or running a sample needs; one of the paths or commands is enough. */
interface Tool {
  readonly name: string;
  readonly anyOf: readonly string[];
}

/** Turns the sample's sources into the files of its package. */
type Pack = (sources: readonly Entry[], workDir: string) => Promise<readonly Entry[]>;

interface Sample {
  readonly directory: string;
  /** The first is taken unless another is wished for. */
  readonly forms: readonly Form[];
  readonly tools: readonly Tool[];
  readonly pack?: Pack;
}

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'apps');

const samples: Readonly<Record<string, Sample>> = {
  Nodejs8: { directory: 'nodejs8', forms: ['zip', 'tgz'], tools: [] },
};

/** The names of what this machine lacks to build and run the sample of a runtime. */
export function missingTools(runtime: string): readonly string[] {
  return sampleOf(runtime)
    .tools.filter(({ anyOf }) => !anyOf.some(isThere))
    .map(({ name }) => name);
}

/** The path of a package of a runtime's sample application, built once per content. */
export async function packageFor(runtime: string, wish: Wish = {}): Promise<string> {
  const sample = sampleOf(runtime);
  const form = wish.form ?? sample.forms[0] ?? 'zip';
  if (!sample.forms.includes(form))
    throw new Error(
      `The sample of ${runtime} is not packed as .${form}, only as ${sample.forms.join(', ')}.`,
    );
  const base = filesBelow(join(FIXTURES, sample.directory));
  const overlay =
    wish.variant === undefined ? [] : filesBelow(join(FIXTURES, `${sample.directory}-${wish.variant}`));
  const version = { path: 'VERSION', content: Buffer.from(`${wish.version ?? '1.0.0'}\n`) };
  const sources = [...new Map([...base, ...overlay, version].map((each) => [each.path, each])).values()];

  const target = join(cacheDir(), keyOf(sources, runtime, form), `sample-${wish.version ?? '1.0.0'}.${form}`);
  if (existsSync(target)) return target;
  await mkdir(dirname(dirname(target)), { recursive: true });
  const workDir = await mkdtemp(join(cacheDir(), 'work-'));
  try {
    const entries = (await sample.pack?.(sources, workDir)) ?? sources;
    const made = join(workDir, 'package');
    if (form === 'tgz') await writeTarball(entries, workDir, made);
    else await writeFile(made, zip(entries));
    await mkdir(dirname(target), { recursive: true });
    await rename(made, target);
    return target;
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

export const formsOf = (runtime: string): readonly Form[] => sampleOf(runtime).forms;

function sampleOf(runtime: string): Sample {
  const sample = samples[runtime];
  if (!sample)
    throw new Error(
      `There is no sample application for the runtime ${runtime}; add one to test/fixtures/apps and to this table.`,
    );
  return sample;
}

/** One per user, since tests run as root and as others on the same machine. */
const cacheDir = (): string => join(tmpdir(), `openstage-test-packages-${process.getuid?.() ?? 0}`);

/** Built packages are as good as their sources and this builder are the same. */
function keyOf(sources: readonly Entry[], runtime: string, form: Form): string {
  const hash = createHash('sha256')
    .update(`${runtime} ${form}\n`)
    .update(readFileSync(import.meta.filename));
  for (const { path, content, mode } of sources)
    hash.update(`${path} ${mode} ${content.length}\n`).update(content);
  return hash.digest('hex').slice(0, 16);
}

function filesBelow(dir: string): readonly Entry[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => join(dir, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => ({
      path: relative(dir, path),
      content: readFileSync(path),
      mode: statSync(path).mode & 0o777,
    }));
}

async function writeFiles(entries: readonly Entry[], dir: string): Promise<void> {
  for (const { path, content, mode = 0o644 } of entries) {
    const target = join(dir, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content, { mode });
  }
}

async function writeTarball(entries: readonly Entry[], workDir: string, file: string): Promise<void> {
  const content = join(workDir, 'content');
  await writeFiles(entries, content);
  await create(
    { gzip: true, portable: true, mtime: new Date(0), cwd: content, file },
    entries.map(({ path }) => path),
  );
}

function isThere(pathOrCommand: string): boolean {
  if (pathOrCommand.startsWith('/')) return existsSync(pathOrCommand);
  const dirs = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return dirs.some((dir) => existsSync(join(dir, pathOrCommand)));
}
