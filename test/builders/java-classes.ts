import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { filesBelow, writeFiles } from './files.ts';
import type { Entry } from './zip.ts';

const run = promisify(execFile);
const isSource = ({ path }: Entry) => path.endsWith('.java');

/** The classes of the .java files among the sources, for Java 8. */
export async function compile(
  sources: readonly Entry[],
  workDir: string,
  classPath?: string,
): Promise<readonly Entry[]> {
  const from = join(workDir, 'java');
  const to = join(workDir, 'classes');
  const java = sources.filter(isSource);
  await writeFiles(java, from);
  const options = [
    '--release',
    '8',
    '-Xlint:-options',
    '-d',
    to,
    ...(classPath === undefined ? [] : ['-cp', classPath]),
  ];
  await run('javac', [...options, ...java.map(({ path }) => join(from, path))]);
  return filesBelow(to);
}

export const rest = (sources: readonly Entry[]): readonly Entry[] =>
  sources.filter((each) => !isSource(each));
