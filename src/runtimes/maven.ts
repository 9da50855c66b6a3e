import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { Problem } from '../domain/errors.ts';
import { isAtLeast } from './ask-version.ts';
import { isExecutableFile } from './host-files.ts';

export interface Artifact {
  readonly group: string;
  readonly name: string;
  readonly type: string;
  /** The newest version that begins so is taken, such as "9.0". */
  readonly series: string;
  readonly oldest: string;
}

interface Fetched {
  readonly file: string;
  readonly version: string;
}

const run = promisify(execFile);
const MAVEN_MS = 10 * 60_000;
const FETCH_MS = 5 * 60_000;
const BYTES_MOST = 256 * 1024 * 1024;

const unavailable = (message: string, cause?: unknown) =>
  new Problem('artifactUnavailable', message, {}, { cause });

/** By mvn, with the user's own mirrors, proxies and credentials; it verifies the checksum. */
export async function fetchThroughMaven(
  artifact: Artifact,
  path: string,
  dir: string,
  tell: (message: string) => void,
): Promise<Fetched> {
  const mvn = await findMaven(path);
  if (mvn === undefined) {
    throw new Problem(
      'runtimeMissing',
      'mvn is not on this host to fetch with; install it (Debian: apt-get install maven), or set OPENSTAGE_MAVEN_URL to ' +
        'the address of a Maven repository.',
    );
  }
  tell(`Fetching ${artifact.group}:${artifact.name} ${artifact.series} through ${mvn} …`);
  const out = join(dir, 'fetched');
  await mkdir(out);
  await writeFile(join(dir, 'pom.xml'), pomFor(artifact));
  const goal = ['dependency:copy-dependencies', '-DexcludeTransitive=true', `-DoutputDirectory=${out}`];
  try {
    await run(mvn, ['-B', '-q', '--strict-checksums', '-f', join(dir, 'pom.xml'), ...goal], {
      timeout: MAVEN_MS,
      maxBuffer: 16 * 1024 * 1024,
    });
  } catch (error) {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    const reason = output.split('\n').find((line) => line.includes('ERROR')) ?? 'it gave no reason';
    throw unavailable(`mvn could not fetch ${artifact.group}:${artifact.name}: ${reason.trim()}`, error);
  }
  const [name] = await readdir(out);
  const version = versionIn(artifact, name ?? '');
  if (name === undefined || version === undefined)
    throw unavailable(`mvn fetched no ${artifact.name}-*.${artifact.type}.`);
  return { file: join(out, name), version };
}

/** Straight from a repository; the checksum that lies beside the file is verified. */
export async function fetchFromRepository(
  artifact: Artifact,
  repository: string,
  dir: string,
  tell: (message: string) => void,
): Promise<Fetched> {
  const base = `${repository.replace(/\/+$/, '')}/${artifact.group.replaceAll('.', '/')}/${artifact.name}`;
  const metadata = (await read(`${base}/maven-metadata.xml`)) ?? '';
  const version = [...metadata.matchAll(/<version>([^<]+)<\/version>/g)]
    .map(([, each = '']) => each)
    .filter((each) => each.startsWith(`${artifact.series}.`) && /^[\d.]+$/.test(each))
    .reduce<string | undefined>(
      (newest, each) => (newest === undefined || isAtLeast(each, newest) ? each : newest),
      undefined,
    );
  if (version === undefined) {
    throw unavailable(
      `${base}/maven-metadata.xml names no version ${artifact.series} of ${artifact.name}; set OPENSTAGE_MAVEN_URL to a repository that has one.`,
    );
  }
  const url = `${base}/${version}/${artifact.name}-${version}.${artifact.type}`;
  tell(`Fetching ${url} …`);
  const file = join(dir, `fetched.${artifact.type}`);
  await verify(url, await download(url, file));
  return { file, version };
}

interface Digests {
  readonly sha512: string;
  readonly sha1: string;
}

async function download(url: string, file: string): Promise<Digests> {
  const hashes = { sha512: createHash('sha512'), sha1: createHash('sha1') };
  const response = await request(url);
  if (!response.ok || !response.body)
    throw unavailable(`GET ${url} answered ${response.status}; expected the file.`);
  let bytes = 0;
  const count = async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > BYTES_MOST)
        throw unavailable(`${url} has more than ${BYTES_MOST} bytes; that is not what was looked for.`);
      hashes.sha512.update(chunk);
      hashes.sha1.update(chunk);
      yield chunk;
    }
  };
  await pipeline(response.body, count, createWriteStream(file));
  return { sha512: hashes.sha512.digest('hex'), sha1: hashes.sha1.digest('hex') };
}

async function verify(url: string, digests: Digests): Promise<void> {
  for (const kind of ['sha512', 'sha1'] as const) {
    const told = (await read(`${url}.${kind}`))?.trim().split(/\s+/)[0]?.toLowerCase();
    if (told === undefined) continue;
    if (told === digests[kind]) return;
    throw unavailable(
      `${url} does not have the checksum that ${url}.${kind} tells (${told}, but it is ${digests[kind]}); nothing was installed. Try again, or use another repository.`,
    );
  }
  throw unavailable(
    `There is neither ${url}.sha512 nor .sha1 to verify the file by; nothing was installed. Use a complete repository.`,
  );
}

/** The text of a small file; undefined where the repository has none. */
async function read(url: string): Promise<string | undefined> {
  const response = await request(url);
  if (response.status === 404) return undefined;
  if (!response.ok) throw unavailable(`GET ${url} answered ${response.status}; check OPENSTAGE_MAVEN_URL.`);
  return response.text();
}

async function request(url: string): Promise<Response> {
  try {
    return await fetch(url, { signal: AbortSignal.timeout(FETCH_MS) });
  } catch (error) {
    const cause =
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw unavailable(`${url} cannot be reached (${cause}); check OPENSTAGE_MAVEN_URL.`, error);
  }
}

async function findMaven(path: string): Promise<string | undefined> {
  for (const dir of path.split(delimiter))
    if (dir !== '' && (await isExecutableFile(join(dir, 'mvn')))) return join(dir, 'mvn');
  return undefined;
}

const versionIn = (artifact: Artifact, fileName: string): string | undefined =>
  fileName.startsWith(`${artifact.name}-`) && fileName.endsWith(`.${artifact.type}`)
    ? fileName.slice(artifact.name.length + 1, -artifact.type.length - 1)
    : undefined;

/** A project of nothing but the dependency: Maven takes the newest version of a range, which its commands alone do not. */
function pomFor({ group, name, type, series, oldest }: Artifact): string {
  const [major = '0', minor = '0'] = series.split('.');
  return `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>openstage</groupId>
  <artifactId>install</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>${group}</groupId>
      <artifactId>${name}</artifactId>
      <version>[${oldest},${major}.${Number(minor) + 1})</version>
      <type>${type}</type>
    </dependency>
  </dependencies>
</project>
`;
}
