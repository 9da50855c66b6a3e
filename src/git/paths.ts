import { Problem } from '../domain/errors.ts';
import { isPlainPath } from '../domain/git.ts';

/** A name, or names by slashes, as part of an address; what would climb in it is refused. */
export function pathPart(text: string, what: string): string {
  if (!isPlainPath(text)) {
    throw new Problem(
      'gitInvalid',
      `${what} is ${JSON.stringify(text.slice(0, 60))}; expected an id or names by "/" (written ":" in an address), none of them empty, "." or "..".`,
    );
  }
  return text.split('/').map(encodeURIComponent).join('/');
}

/** The same as one segment: slashes are encoded too. */
export function segment(text: string, what: string): string {
  pathPart(text, what);
  return encodeURIComponent(text);
}
