import { Problem } from '../domain/errors.ts';

/** What a host answered: members are looked into by path, for nothing in it is known before it was looked at. */
export class HostAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly bytes: Buffer;
  readonly #host: string;
  #value: unknown;
  #isParsed = false;

  constructor(members: {
    status: number;
    headers: Readonly<Record<string, string | readonly string[] | undefined>>;
    bytes: Buffer;
    host: string;
  }) {
    this.status = members.status;
    this.headers = members.headers;
    this.bytes = members.bytes;
    this.#host = members.host;
  }

  get value(): unknown {
    if (!this.#isParsed) {
      try {
        this.#value = this.bytes.length === 0 ? undefined : JSON.parse(this.bytes.toString('utf8'));
      } catch {
        throw this.#unexpected('something else than JSON');
      }
      this.#isParsed = true;
    }
    return this.#value;
  }

  /** The list at a path; without a path the answer itself. */
  list(...path: readonly string[]): readonly unknown[] {
    const value = at(this.value, ...path);
    if (!Array.isArray(value))
      throw this.#unexpected(`no list${path.length > 0 ? ` "${path.join('.')}"` : ''}`);
    return value;
  }

  /** The text or number at a path, as text; it must be there. */
  text(...path: readonly string[]): string {
    const text = textAt(this.value, ...path);
    if (text === '') throw this.#unexpected(`no "${path.join('.')}"`);
    return text;
  }

  #unexpected(what: string): Problem {
    return new Problem(
      'gitInvalid',
      `${this.#host} answered ${what}, which its API does not do; name the base address of a git host, and its right type.`,
    );
  }
}

export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (parent, name) =>
      typeof parent === 'object' && parent !== null
        ? Object.entries(parent).find(([key]) => key === name)?.[1]
        : undefined,
    value,
  );
}

/** '' where there is neither text nor a number. */
export function textAt(value: unknown, ...path: readonly string[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' || typeof found === 'number' ? String(found) : '';
}
