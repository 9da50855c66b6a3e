import assert from 'node:assert/strict';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

interface Reference {
  readonly $ref?: string;
}
interface Media {
  readonly schema?: object;
}
interface Response extends Reference {
  readonly content?: Readonly<Record<string, Media>>;
}
export interface Operation {
  readonly operationId?: string;
  readonly requestBody?: Response;
  readonly responses: Readonly<Record<string, Response>>;
}
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: object;
}

/** What was asked and answered. */
export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly body: unknown;
  readonly raw: string;
}

const methods = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options'];
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** An OpenAPI document that answers are held to. */
export class Described {
  readonly #document: OpenApi & object;
  readonly #ajv: Ajv2020;
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(document: OpenApi) {
    this.#document = document;
    this.#ajv = new Ajv2020({
      strict: false,
      allErrors: true,
      // That the document is valid is a test of its own.
      meta: false,
      validateSchema: false,
      formats: {
        'date-time': MOMENT,
        int64: { type: 'number', validate: Number.isSafeInteger },
        password: true,
      },
    });
    this.#ajv.addSchema({ $id: 'document', ...document });
  }

  /** Every operation with its method and path. */
  get operations(): readonly {
    readonly method: string;
    readonly path: string;
    readonly operation: Operation;
  }[] {
    return Object.entries(this.#document.paths).flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([method]) => methods.includes(method))
        .map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
    );
  }

  /** The operation that a request belongs to; literal segments win. */
  find(method: string, url: string): { readonly path: string; readonly operation: Operation } | undefined {
    const parts = (url.split('?')[0] ?? '').replace(/\/$/, '').split('/');
    const fits = Object.keys(this.#document.paths)
      .filter((path) => {
        const pattern = path.split('/');
        return (
          pattern.length === parts.length &&
          pattern.every((part, index) => part.startsWith('{') || part === parts[index])
        );
      })
      .toSorted((left, right) => left.split('{').length - right.split('{').length);
    for (const path of fits) {
      const operation = this.#document.paths[path]?.[method.toLowerCase()];
      if (operation) return { path, operation };
    }
    return undefined;
  }

  /** The answer is one that the document tells of; an error that it does not list has at least the form `isError`. */
  assertAnswer({ method, url, status, body, raw }: Exchange, isError: (body: unknown) => boolean): void {
    const found = this.find(method, url);
    if (!found || method === 'HEAD') return;
    const name = `${method} ${found.path} ${status}`;
    const pointer = this.#responsePointer(found.path, method, found.operation, String(status));
    if (pointer === undefined) {
      assert.ok(status >= 400, `${name}: the document does not tell of this status`);
      assert.ok(isError(body), `${name}: an error of another form: ${raw}`);
      return;
    }
    if (status === 204) {
      assert.equal(raw, '', `${name}: a body`);
      return;
    }
    const validate = this.#validatorAt(pointer);
    if (!validate) return;
    const isGood = validate(body);
    assert.ok(isGood, `${name}: ${this.#ajv.errorsText(validate.errors)} in ${raw}`);
  }

  /** The schema of what is sent, where the operation takes a body. */
  bodySchema(method: string, path: string): object | undefined {
    return this.#document.paths[path]?.[method.toLowerCase()]?.requestBody?.content?.['application/json']
      ?.schema;
  }

  /** Where the document refuses a body; nothing where it allows it, or does not know the operation. */
  refusals(method: string, path: string, body: unknown): readonly string[] {
    const validate = this.#validatorAt(['paths', path, method.toLowerCase(), 'requestBody']);
    if (!validate || validate(body)) return [];
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
  }

  /** What a reference like #/components/schemas/Name names. */
  resolve(reference: string): unknown {
    return memberAt(this.#document, reference.replace('#/', '').split('/'));
  }

  #responsePointer(
    path: string,
    method: string,
    operation: Operation,
    status: string,
  ): readonly string[] | undefined {
    const response = operation.responses[status];
    if (!response) return undefined;
    const { $ref } = response;
    return $ref === undefined
      ? ['paths', path, method.toLowerCase(), 'responses', status]
      : $ref.replace('#/', '').split('/');
  }

  #validatorAt(holder: readonly string[]): ValidateFunction | undefined {
    const pointer = [...holder, 'content', 'application/json', 'schema'];
    if (memberAt(this.#document, pointer) === undefined) return undefined;
    const reference = pointer
      .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/');
    const known = this.#validators.get(reference) ?? this.#ajv.compile({ $ref: `document#/${reference}` });
    this.#validators.set(reference, known);
    return known;
  }
}

export function memberAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (parent, name) =>
      typeof parent === 'object' && parent !== null
        ? Object.entries(parent).find(([key]) => key === name)?.[1]
        : undefined,
    value,
  );
}
