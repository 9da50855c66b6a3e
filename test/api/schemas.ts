import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { withNamedSchemas } from '../../src/api/openapi.ts';
import { Described, memberAt, type Exchange, type OpenApi } from './described.ts';

const read = (text: string): OpenApi => JSON.parse(text);

/**
 * What the platform takes beside the contract's words, and so echoes: packages of any web server, and a component's
 * source may be all that an instance's artifacts may be.
 */
const wider: readonly { readonly at: string; readonly values: readonly string[] }[] = [
  { at: 'SourceSpec/properties/storage', values: ['devcloud', 'http', 'https'] },
  { at: 'SourceSpec/properties/type', values: ['image'] },
  { at: 'ArtifactStorage', values: ['http', 'https'] },
];

function widened(document: OpenApi): OpenApi {
  for (const { at, values } of wider) {
    const choices = memberAt(document, ['components', 'schemas', ...at.split('/'), 'enum']);
    assert.ok(Array.isArray(choices), `${at} has no choices to add to`);
    choices.push(...values);
  }
  return document;
}

/** The contract's own document: whoever wrote our schemas did not write it. */
export const contract = new Described(
  widened(read(readFileSync(new URL('../fixtures/contract/v2.openapi.json', import.meta.url), 'utf8'))),
);

const own = new WeakMap<FastifyInstance, Described>();
/** By their routes. Platforms of one test file have the same, and to compile what they tell takes longer than most tests. */
const told = new Map<string, Described>();

/** What the platform tells of itself. */
export function ownDocument(app: FastifyInstance): Described {
  const known = own.get(app);
  if (known) return known;
  const routes = app.printRoutes();
  const described = told.get(routes) ?? new Described(read(JSON.stringify(withNamedSchemas(app.swagger()))));
  told.set(routes, described);
  own.set(app, described);
  return described;
}

/** Exactly the contract's members, and the gateway's `request_id`. */
export function isContractError(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false;
  const members = Object.entries(body);
  const isText = members.every(([, value]) => typeof value === 'string' && value !== '');
  const names = members.map(([name]) => name).filter((name) => name !== 'request_id');
  return isText && names.toSorted().join() === 'error_code,error_msg';
}

const isIdentityError = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && Object.keys(body).join() === 'error';

/** Every answer is one that its own schema and the contract tell of, in every member and type. */
export function assertFits(app: FastifyInstance, exchange: Exchange): void {
  ownDocument(app).assertAnswer(exchange, (body) => isContractError(body) || isIdentityError(body));
  contract.assertAnswer(exchange, isContractError);
}
