import { join } from 'node:path';
import { create } from 'tar';
import { Problem } from '../domain/errors.ts';
import { assertKeepable, removeDir } from './build-dir.ts';
import type { SourceTree } from './source-tree.ts';

/** What a build made, to be kept as any package that was uploaded. */
export interface SourceResult {
  /** Its ending says what it is. */
  readonly fileName: string;
  readonly content: AsyncIterable<Uint8Array>;
}

/** Where build tools put what they made. */
const OUTPUTS = ['target', 'build/libs'];
/** Made beside the archive that is meant. */
const BESIDE = /(?:-(?:sources|javadoc|tests|plain)|^original-.*)\.[jw]ar$/i;

/**
 * The archive that a build made, where it makes such (`endings`, best first), else the whole tree without its history.
 * The tree belongs to the platform by now, and nothing that was started in it runs: what is looked at does not change.
 */
export async function resultOf(
  tree: SourceTree,
  endings: readonly string[],
  treeName: string,
): Promise<SourceResult> {
  // A Procfile says how the tree is started, whatever lies in it.
  const archive = (await tree.has('Procfile')) ? undefined : await archiveIn(tree, endings);
  if (archive !== undefined) {
    const fileName = archive.split('/').at(-1) ?? archive;
    return { fileName, content: tree.content(archive) };
  }
  await removeDir(join(tree.dir, '.git'));
  await assertKeepable(tree.dir);
  return { fileName: `${treeName}.tar.gz`, content: packed(tree.dir) };
}

async function archiveIn(tree: SourceTree, endings: readonly string[]): Promise<string | undefined> {
  if (endings.length === 0) return undefined;
  const modules = await tree.directoriesIn('');
  for (const ending of endings) {
    const own = await archivesOf(tree, ending, OUTPUTS);
    const found =
      own.length > 0
        ? own
        : await archivesOf(
            tree,
            ending,
            modules.flatMap((module) => OUTPUTS.map((output) => `${module}/${output}`)),
          );
    const [first, ...others] = found;
    if (first !== undefined && others.length === 0) return first;
    if (first !== undefined) {
      throw new Problem(
        'buildFailed',
        `The build made ${found.length} archives (${found.slice(0, 10).join(', ')}), so it does not say which one to deploy; expected one *${ending}: let build_cmd remove the others, or add a Procfile such as "web: java -jar ${first}".`,
      );
    }
  }
  return undefined;
}

async function archivesOf(
  tree: SourceTree,
  ending: string,
  directories: readonly string[],
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const directory of directories) {
    for (const name of await tree.filesIn(directory)) {
      const path = `${directory}/${name}`;
      if (!name.toLowerCase().endsWith(ending) || BESIDE.test(name)) continue;
      if (await tree.has(path)) found.push(path);
    }
  }
  return found;
}

/** In one directory that holds everything, which unpacking takes away again; links stay links. */
function packed(dir: string): AsyncIterable<Uint8Array> {
  return create({ cwd: dir, gzip: { level: 1 }, portable: true, prefix: 'source', strict: true }, ['.']);
}
