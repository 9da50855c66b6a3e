/** Variables of the platform's own environment that build steps see: addresses of mirrors and proxies, certificates. */
export type PassedOn = Readonly<Record<string, string>>;

const MASK = '******';
/** Shorter ones would mask what is no secret, and protect nothing. */
const LEAST_CHARACTERS = 4;
const BEARS_A_SECRET = /token|passw|secret|auth|key/i;

/** Takes out of a line what must not be kept: user and password of addresses, and whole values whose name says so. */
export function masker(variables: PassedOn): (line: string) => string {
  const secrets = Object.entries(variables)
    .flatMap(([name, value]) =>
      BEARS_A_SECRET.test(name) ? [value] : value.split(/[\s,]+/).flatMap(credentialsOf),
    )
    .filter((secret) => secret.length >= LEAST_CHARACTERS)
    .toSorted((one, other) => other.length - one.length);
  return (line) => secrets.reduce((masked, secret) => masked.replaceAll(secret, MASK), line);
}

/** As written, and as a tool may print them. */
function credentialsOf(address: string): readonly string[] {
  const [, user = '', password] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#@:]*)(?::([^/?#]*))?@/i.exec(address) ?? [];
  // Without a password the user's name is the token.
  const secret = password ?? user;
  return [secret, decoded(secret)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
