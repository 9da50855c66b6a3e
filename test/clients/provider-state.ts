import { memberOf } from '../../src/cli/running-platform.ts';
import { listOf, textOf } from '../../src/cli/tour/steps.ts';
import { items } from './asking.ts';

/** What the provider keeps of an answer and compares with the user's file: a null is an empty text to it, and most lists are sets. */
type State = Readonly<Record<string, unknown>>;

const set = (values: readonly unknown[]): readonly unknown[] =>
  values.toSorted((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1));

const resources = (answer: unknown, list: string) =>
  set(items(answer, list).map((one) => ({ type: textOf(one, 'type'), id: textOf(one, 'id') })));

export const environmentState = (answer: unknown): State => ({
  name: textOf(answer, 'name'),
  description: textOf(answer, 'description'),
  vpc_id: textOf(answer, 'vpc_id'),
  basic_resources: resources(answer, 'base_resources'),
  optional_resources: resources(answer, 'optional_resources'),
});

export const componentState = (answer: unknown): State => {
  const spec = memberOf(memberOf(answer, 'source'), 'spec');
  return {
    name: textOf(answer, 'name'),
    type: textOf(answer, 'category'),
    runtime: textOf(answer, 'runtime'),
    framework: textOf(answer, 'sub_category'),
    source: { type: textOf(spec, 'type'), storage: textOf(spec, 'storage'), url: textOf(spec, 'url') },
  };
};

export const instanceState = (answer: unknown): State => ({
  environment_id: memberOf(answer, 'environment_id'),
  name: memberOf(answer, 'name'),
  version: memberOf(answer, 'version'),
  replica: memberOf(memberOf(answer, 'status_detail'), 'replica'),
  flavor_id: memberOf(answer, 'flavor_id'),
  description: textOf(answer, 'description'),
  artifact: set(
    Object.entries(Object(memberOf(answer, 'artifacts'))).map(([name, one]) => ({
      name,
      type: textOf(one, 'type'),
      storage: textOf(one, 'storage'),
      url: textOf(one, 'url'),
      auth_type: textOf(one, 'auth'),
      version: textOf(one, 'version'),
    })),
  ),
  refer_resource: set(
    items(answer, 'refer_resources').map((one) => ({
      type: textOf(one, 'type'),
      id: textOf(one, 'id'),
      alias: textOf(one, 'refer_alias'),
      parameters: memberOf(one, 'parameters') ?? {},
    })),
  ),
  env_variable: set(
    listOf(memberOf(memberOf(answer, 'configuration'), 'env'))
      .filter((one) => memberOf(one, 'internal') !== true)
      .map((one) => ({ name: textOf(one, 'name'), value: textOf(one, 'value') })),
  ),
  external_access: set(
    items(answer, 'external_accesses').map((one) => ({
      protocol: textOf(one, 'protocol'),
      address: textOf(one, 'address'),
      port: memberOf(one, 'forward_port'),
    })),
  ),
});
