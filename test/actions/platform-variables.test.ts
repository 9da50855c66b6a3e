import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unseal } from '../../src/domain/envelope.ts';
import { ENVIRONMENT } from '../api/stage.ts';
import { RunningStage } from './running-stage.ts';

test('every application is told what it is part of; its own value wins, and answers mark what the platform gave', async (t) => {
  const running = await RunningStage.open(t);
  const { stage, driver } = running;
  const own = { name: 'CAS_COMPONENT_NAME', value: 'mine' };
  const one = await running.deployed({ configuration: { env: [own] } });
  const seen = () =>
    Object.fromEntries(
      (driver.asked.at(-1)?.env ?? []).map(({ name, value }) => [name, unseal(stage.services.key, value)]),
    );
  const application = one.split('/').at(2);
  const environment = await stage.get(`/environments/${ENVIRONMENT}`);
  const given = {
    CAS_APPLICATION_ID: application,
    CAS_APPLICATION_NAME: 'shop',
    CAS_ENVIRONMENT_ID: ENVIRONMENT,
    CAS_ENVIRONMENT_NAME: environment.text('name'),
    CAS_INSTANCE_ID: one.split('/').at(-1),
    CAS_INSTANCE_VERSION: '1',
  };
  assert.deepEqual(seen(), { ...given, CAS_COMPONENT_NAME: 'mine' });
  const variables = async () => {
    const env = (await stage.get(one)).at('configuration', 'env');
    assert.ok(Array.isArray(env));
    return env;
  };
  const shown = await variables();
  assert.deepEqual(shown[0], { ...own, internal: false });
  const marked = (values: object) =>
    Object.entries(values).map(([name, value]) => ({ name, value, internal: true }));
  assert.deepEqual(shown.slice(1), marked(given));

  // What was read is sent back whole, as clients do: nothing of it becomes the instance's own.
  assert.equal((await running.change(one, '2', { configuration: { env: shown } })).status, 'SUCCEEDED');
  assert.deepEqual((await variables()).slice(1), marked({ ...given, CAS_INSTANCE_VERSION: '2' }));
  assert.equal(seen()['CAS_INSTANCE_VERSION'], '2');
});

test('an instance without variables of its own answers with those of the platform alone', async (t) => {
  const running = await RunningStage.open(t);
  const one = await running.deployed();
  const shown = await running.stage.get(one);
  const internal = shown.at('configuration', 'env');
  assert.ok(Array.isArray(internal));
  assert.equal(internal.length, 7);
  assert.ok(internal.every((variable: unknown) => Object(variable).internal === true));
});
