const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const DIGITS = '0123456789';

export const ACCESS_CHARACTERS = 20;
const SECRET_CHARACTERS = 40;

/** A key as its owner is told it, once; only the sealed secret is kept. */
export interface KeyPair {
  readonly access: string;
  readonly secret: string;
}

/** `pick(n)` is a random whole number below n. 20 upper-case letters and digits, and 40 letters and digits. */
export function newKeyPair(pick: (below: number) => number): KeyPair {
  const text = (alphabet: string, length: number) =>
    Array.from({ length }, () => alphabet.charAt(pick(alphabet.length))).join('');
  return {
    access: text(LETTERS + DIGITS, ACCESS_CHARACTERS),
    secret: text(LETTERS + LETTERS.toLowerCase() + DIGITS, SECRET_CHARACTERS),
  };
}

/** A key file holds one line: the access key, a space, the secret. */
export const formatKeyPair = ({ access, secret }: KeyPair): string => `${access} ${secret}\n`;

export function parseKeyPair(text: string): KeyPair {
  const [access, secret, ...rest] = text.trim().split(' ');
  if (!access || !secret || rest.length > 0) {
    throw new Error(
      'The file with the access key is damaged: expected one line, an access key and its secret; remove the file and make a key by the API.',
    );
  }
  return { access, secret };
}
