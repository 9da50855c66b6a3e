import { createCipheriv, createDecipheriv } from 'node:crypto';

/** A secret at rest: AES-256-GCM under a named key. Every environment variable's value and every credential is one. */
export interface Envelope {
  readonly keyId: string;
  /** base64, 12 bytes, never used twice with one key. */
  readonly nonce: string;
  /** base64, ciphertext followed by the 16-byte tag. */
  readonly data: string;
}

export interface Key {
  readonly id: string;
  /** 32 bytes. */
  readonly bytes: Buffer;
}

const TAG_BYTES = 16;
const KEY_BYTES = 32;

export function seal(key: Key, text: string, nonce: Buffer): Envelope {
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce);
  const data = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { keyId: key.id, nonce: nonce.toString('base64'), data: data.toString('base64') };
}

export function unseal(key: Key, envelope: Envelope): string {
  if (envelope.keyId !== key.id) {
    throw new Error(
      `The secret was sealed with key ${envelope.keyId}, but the key at hand is ${key.id}; restore that key file.`,
    );
  }
  const data = Buffer.from(envelope.data, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key.bytes, Buffer.from(envelope.nonce, 'base64'));
  decipher.setAuthTag(data.subarray(data.length - TAG_BYTES));
  return (
    decipher.update(data.subarray(0, data.length - TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
  );
}

/** A variable as it is stored and as it travels to a supervisor. */
export interface SealedVariable {
  readonly name: string;
  readonly value: Envelope;
}

/** A key file holds one line: the key's id, a space, its 32 bytes in base64. */
export const formatKey = (key: Key): string => `${key.id} ${key.bytes.toString('base64')}\n`;

export function parseKey(text: string): Key {
  const [id, base64, ...rest] = text.trim().split(' ');
  const bytes = Buffer.from(base64 ?? '', 'base64');
  if (!id || bytes.length !== KEY_BYTES || rest.length > 0) {
    throw new Error(
      'The key file is damaged: expected one line, an id and 32 bytes in base64; restore it from a backup.',
    );
  }
  return { id, bytes };
}
