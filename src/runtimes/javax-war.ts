import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { entriesOf } from './jar-file.ts';
import { isDirectory } from './package-content.ts';

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
export async function isWrittenForJavax(webApplication: string): Promise<boolean> {
  let isJakarta = false;
  const libraries = { javax: false, jakarta: false };
  for await (const { isOwn, content } of pieces(webApplication)) {
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

async function* pieces(webApplication: string): AsyncGenerator<Piece> {
  if (!(await isDirectory(webApplication))) {
    yield* piecesOf(entriesOf(webApplication, webApplication.split('/').at(-1) ?? ''));
    return;
  }
  for (const entry of await readdir(webApplication, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile())
      yield* piecesOf([{ name: relative(webApplication, path), read: () => readFile(path) }]);
  }
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
