import { Problem } from './errors.ts';

/** Code that is built before it is deployed. */
export interface CodeSource {
  readonly kind: 'code';
  /** http or https, without user, password, query and fragment. */
  readonly repoUrl: string;
  /** A branch, a tag or a whole commit id; absent: "master" where there is one, else the repository's own default. */
  readonly ref?: string;
  /** Name of a git authorization of the project; absent: the repository is public. */
  readonly auth?: string;
  /** What builds it, for a shell; absent: what its runtime does by default. */
  readonly command?: string;
}

const MOST_CHARACTERS = 2048;

/** The address of a repository, or a Problem about the field that held it. */
export function repositoryUrl(text: string, field: string): URL {
  const refuse = (what: string) =>
    new Problem(
      'invalid',
      `Field "${field}" ${what}; expected the http:// or https:// address of a git repository, such as https://git.example.org/shop/cart.git.`,
    );
  if (text.length > MOST_CHARACTERS) throw refuse(`has ${text.length} characters`);
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) throw refuse('is no such address');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    throw refuse('holds a user name or password, which belong into an authorization named by repo_auth');
  if (url.search !== '' || url.hash !== '') throw refuse('holds a query or a fragment');
  return url;
}

const REF_MOST_CHARACTERS = 250;
/** What git itself forbids in a name (check-ref-format), and a leading "-", which is an option. */
const UNNAMEABLE = /[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|^[-/.]|[/.]$|\.lock(?:\/|$)|\/\.|^@$/;

export function assertRef(ref: string, field: string): void {
  if (ref.length <= REF_MOST_CHARACTERS && !UNNAMEABLE.test(ref)) return;
  throw new Problem(
    'invalid',
    `Field "${field}" is ${JSON.stringify(ref.slice(0, 60))}, which git takes for no name; expected a branch, a tag or a whole commit id.`,
  );
}
