import assert from 'node:assert/strict';
import { Ajv, type ValidateFunction } from 'ajv';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { withNamedSchemas } from '../../src/api/openapi.ts';

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema?: object }>> }>
  >;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

interface Known {
  readonly document: Document;
  readonly ajv: Ajv;
  readonly validators: Map<string, ValidateFunction>;
}
const known = new WeakMap<FastifyInstance, Known>();

function knownOf(app: FastifyInstance): Known {
  const found = known.get(app);
  if (found) return found;
  const document: Document & object = JSON.parse(JSON.stringify(withNamedSchemas(app.swagger())));
  const ajv = new Ajv({ strict: false, allErrors: true });
  ajv.addSchema({ $id: 'document', ...document });
  const made = { document, ajv, validators: new Map<string, ValidateFunction>() };
  known.set(app, made);
  return made;
}

/** The operation of the OpenAPI document that an address and method belong to; literal segments win. */
function operationOf(
  document: Document,
  method: string,
  url: string,
): { path: string; operation: Operation } | undefined {
  const parts = (url.split('?')[0] ?? '').replace(/\/$/, '').split('/');
  const fits = Object.keys(document.paths)
    .filter((path) => {
      const pattern = path.split('/');
      return (
        pattern.length === parts.length &&
        pattern.every((part, index) => part.startsWith('{') || part === parts[index])
      );
    })
    .toSorted((left, right) => left.split('{').length - right.split('{').length);
  for (const path of fits) {
    const operation = document.paths[path]?.[method.toLowerCase()];
    if (operation) return { path, operation };
  }
  return undefined;
}

/** Every answer is one that the OpenAPI document tells of, in every member and type. */
export function assertFits(
  app: FastifyInstance,
  options: InjectOptions,
  status: number,
  body: unknown,
): void {
  const { document, ajv, validators } = knownOf(app);
  const method = options.method ?? 'GET';
  const found = operationOf(document, method, String(options.url));
  if (!found || method === 'HEAD') return;
  const answer = found.operation.responses[status];
  // Errors that any route can have stand beside the document's own.
  if (!answer && status >= 400) return;
  assert.ok(answer, `${method} ${found.path} answered ${status}, which its schema does not tell of`);
  if (status === 204) return;
  const name = `${method} ${found.path} ${status}`;
  if (!answer.content?.['application/json']?.schema) return;
  const pointer = [
    'paths',
    found.path,
    method.toLowerCase(),
    'responses',
    String(status),
    'content',
    'application/json',
    'schema',
  ]
    .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
    .join('/');
  const validate = validators.get(name) ?? ajv.compile({ $ref: `document#/${pointer}` });
  validators.set(name, validate);
  assert.ok(validate(body), `${name}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(body)}`);
}
