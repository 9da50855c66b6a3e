import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { diskFault, systemCode } from '../domain/disk-fault.ts';
import { Problem } from '../domain/errors.ts';
import { ArchivePlan, unpackLimits } from './archive-plan.ts';
import type { Step, UnpackLimits } from './archive-plan.ts';
import { entryPath, unusableEntry, unusablePackage } from './entry.ts';
import type { Visit } from './entry.ts';
import { readTar } from './read-tar.ts';
import { readZip } from './read-zip.ts';

export interface UnpackRequest {
  /** The package's file; it must not change while it is read. */
  readonly archive: string;
  /** What the package is called; its ending says what it is. */
  readonly fileName: string;
  /** Where to; made here, and empty where it exists. Removed by the caller if this fails. */
  readonly dir: string;
  readonly signal: AbortSignal;
  readonly limits?: UnpackLimits;
}

export interface Unpacked {
  /** "file": a .jar or .war lies in the directory under its own name. */
  readonly kind: 'file' | 'directory';
  readonly files: number;
  /** The single directory that held everything, and whose content now is the package's. */
  readonly stripped?: string;
}

type Format = 'zip' | 'tar' | 'single';

const endings: readonly (readonly [ending: string, format: Format])[] = [
  ['.tar.gz', 'tar'],
  ['.tgz', 'tar'],
  ['.zip', 'zip'],
  ['.jar', 'single'],
  ['.war', 'single'],
];

/** Unpacks a package as mere data: no entry is believed, and nothing is written before all of them were checked. */
export async function unpack({
  archive,
  fileName,
  dir,
  signal,
  limits = unpackLimits,
}: UnpackRequest): Promise<Unpacked> {
  const format = formatOf(fileName);
  await checkMagic(archive, format, fileName);
  try {
    await mkdir(dir, { recursive: true });
    if (format === 'single') {
      const name = entryPath(fileName);
      if (name.includes('/'))
        throw unusableEntry(fileName, 'is a path', 'give the package a plain file name');
      await copyFile(archive, join(dir, name), constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
      return { kind: 'file', files: 1 };
    }
    return await unpackArchive(archive, format, dir, signal, limits);
  } catch (error) {
    signal.throwIfAborted();
    throw diskFault(error, 'a package was being unpacked');
  }
}

function formatOf(fileName: string): Format {
  const lower = fileName.toLowerCase();
  const found = endings.find(([ending]) => lower.endsWith(ending) && lower.length > ending.length);
  if (found) return found[1];
  throw unusablePackage(
    `The package is called ${JSON.stringify(fileName.slice(0, 200))}; expected a name ending in .jar, .war, .zip, .tar.gz or .tgz.`,
  );
}

async function checkMagic(archive: string, format: Format, fileName: string): Promise<void> {
  const file = await open(archive, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    const magic = buffer.subarray(0, bytesRead).toString('latin1');
    const isRight = format === 'tar' ? magic === '\x1f\x8b' : magic === 'PK';
    if (!isRight) {
      throw unusablePackage(
        `The package is called ${JSON.stringify(fileName.slice(0, 200))}, but does not begin like one; expected ${format === 'tar' ? 'gzip' : 'zip'} data: build or upload it again.`,
      );
    }
  } finally {
    await file.close();
  }
}

/** The archive is read twice: once to check all of it, once to write. */
async function unpackArchive(
  archive: string,
  format: 'zip' | 'tar',
  dir: string,
  signal: AbortSignal,
  limits: UnpackLimits,
): Promise<Unpacked> {
  const { size } = await stat(archive);
  const plan = new ArchivePlan(size, limits);
  const read = (visit: Visit, count: (bytes: number) => void) =>
    format === 'tar'
      ? readTar(archive, { visit, count, signal })
      : readZip(archive, { visit, signal, expectEntries: (entries) => plan.expectEntries(entries) });
  await read(
    (entry) => {
      plan.add(entry);
      return undefined;
    },
    (bytes) => plan.count(bytes),
  );
  const steps = plan.steps();
  await makeDirectories(dir, steps);
  await writeFiles(dir, steps, plan, (visit) => read(visit, () => undefined));
  await makeLinks(dir, steps);
  const stripped = plan.wrapping();
  const files = steps.filter(({ kind }) => kind === 'file').length;
  return { kind: 'directory', files, ...(stripped === undefined ? {} : { stripped }) };
}

async function makeDirectories(dir: string, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (step.kind === 'directory') await refusingTwins(step.path, () => mkdir(join(dir, step.path), 0o755));
  }
}

async function writeFiles(
  dir: string,
  steps: readonly Step[],
  plan: ArchivePlan,
  read: (visit: Visit) => Promise<void>,
): Promise<void> {
  const prefix = plan.wrapping() === undefined ? '' : `${plan.wrapping()}/`;
  const files = new Map(steps.map((step) => [prefix + step.path, step]));
  await read((entry, body) => {
    const path = plan.pathOf(entry);
    const step = path === undefined ? undefined : files.get(path);
    return step?.kind === 'file' && entry.kind === 'file'
      ? writeFile(join(dir, step.path), step, body)
      : undefined;
  });
}

async function writeFile(
  place: string,
  { path, size, isExecutable }: Step & { readonly kind: 'file' },
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  // Exclusive: it never follows a link and never replaces what another spelling of the name has written.
  const file = await refusingTwins(path, () => open(place, 'wx', isExecutable ? 0o755 : 0o644));
  try {
    let left = size;
    for await (const chunk of body) {
      left -= chunk.byteLength;
      if (left < 0) throw unusableEntry(path, `is longer than the ${size} bytes that it claims`);
      for (let offset = 0; offset < chunk.byteLength;) {
        offset += (await file.write(chunk, offset)).bytesWritten;
      }
    }
    if (left > 0) throw unusableEntry(path, `is shorter than the ${size} bytes that it claims`);
  } finally {
    await file.close();
  }
}

/** Last of all, so that nothing was written through them. */
async function makeLinks(dir: string, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    const place = join(dir, step.path);
    if (step.kind === 'hardlink') await refusingTwins(step.path, () => link(join(dir, step.target), place));
    if (step.kind === 'symlink') await refusingTwins(step.path, () => symlink(step.target, place));
  }
}

/** Some file systems take "A" and "a", or two spellings of "é", for one name. */
async function refusingTwins<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Problem) throw error;
    const code = systemCode(error);
    if (code === 'EEXIST') {
      throw unusableEntry(
        path,
        'has the name of another entry, as far as this file system can tell',
        'rename one',
      );
    }
    if (code === 'ENAMETOOLONG' || code === 'EILSEQ' || code === 'EINVAL') {
      throw unusableEntry(path, 'has a name that this file system cannot hold', 'rename it');
    }
    throw error;
  }
}
