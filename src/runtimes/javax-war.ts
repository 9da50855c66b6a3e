import { entriesOf } from './jar-file.ts';
import type { PackageTree } from './package-content.ts';

/** What can name an API: classes, pages and descriptors. */
const TELLING = /\.(class|jsp|jspx|jspf|tag|tagx|tld|xml)$/;
const LIBRARY = /\.jar$/;

interface Piece {
  readonly isOwn: boolean;
  readonly content: Buffer;
}

/**
 * Whether a web application (a .war, or unpacked) was written for javax.servlet, which Tomcat has not had since
 * version 10. What it says itself decides; libraries often support both.
 */
export async function isWrittenForJavax(tree: PackageTree, path: string): Promise<boolean> {
  let isJakarta = false;
  const libraries = { javax: false, jakarta: false };
  for await (const { isOwn, content } of pieces(tree, path)) {
    const javax = names(content, 'javax');
    const jakarta = names(content, 'jakarta');
    if (isOwn && javax) return true;
    isJakarta ||= isOwn && jakarta;
    libraries.javax ||= javax;
    libraries.jakarta ||= jakarta;
  }
  return !isJakarta && libraries.javax && !libraries.jakarta;
}

const names = (content: Buffer, vendor: string): boolean =>
  ['servlet', 'el', 'websocket'].some(
    (api) => content.includes(`${vendor}/${api}/`) || content.includes(`${vendor}.${api}.`),
  );

async function* pieces(tree: PackageTree, path: string): AsyncGenerator<Piece> {
  if (await tree.isDirectory(path)) {
    yield* piecesBelow(tree, path);
    return;
  }
  await using file = await tree.open(path);
  if (file) yield* piecesOf(entriesOf(file, path.split('/').at(-1) ?? ''));
}

async function* piecesBelow(tree: PackageTree, path: string): AsyncGenerator<Piece> {
  const left = [path];
  for (let dir = left.pop(); dir !== undefined; dir = left.pop()) {
    for (const { name, stats } of await tree.entries(dir)) {
      const at = dir === '' ? name : `${dir}/${name}`;
      if (stats.isDirectory()) left.push(at);
      else if (stats.isFile()) yield* piecesOf([{ name: at, read: () => contentOf(tree, at) }]);
    }
  }
}

async function contentOf(tree: PackageTree, path: string): Promise<Buffer> {
  await using file = await tree.open(path);
  return (await file?.readFile()) ?? Buffer.alloc(0);
}

async function* piecesOf(
  files: AsyncIterable<NamedFile> | Iterable<NamedFile>,
  library?: string,
): AsyncGenerator<Piece> {
  for await (const { name, read } of files) {
    if (TELLING.test(name)) yield { isOwn: library === undefined, content: await read() };
    else if (LIBRARY.test(name) && library === undefined)
      yield* piecesOf(entriesOf(await read(), name), name);
  }
}

interface NamedFile {
  readonly name: string;
  readonly read: () => Promise<Buffer>;
}
