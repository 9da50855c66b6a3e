import { test } from 'node:test';
import { aComponent, anInstance, instanceBody } from './builders.ts';
import { INVALID, refuseAll, type Row } from './refuse-all.ts';
import { CLUSTER, openStage } from './stage.ts';

test('instances: every field of a create is held to its form, and what does nothing yet is refused', async (t) => {
  const stage = await openStage(t);
  const path = await aComponent(stage);
  const create = (changes: object, says: RegExp, problem = INVALID): Row => ({
    path,
    body: { ...instanceBody, ...changes },
    problem,
    says,
  });
  const probe = { type: 'http', parameters: { port: 8080 } };
  const configured = (configuration: object, says: RegExp) => create({ configuration }, says);
  await refuseAll(stage, [
    create({ name: undefined }, /"name" is missing; expected 2-63 lower-case/),
    create({ name: 'Web' }, /"name" is "Web"/),
    create({ environment_id: 'nowhere' }, /nowhere/, '404 SVCSTG.00100411'),
    create({ replica: undefined }, /"replica" is missing; expected a whole number/),
    create({ replica: 'two' }, /"replica" is "two"; expected a whole number from 0/),
    create({ replica: '2' }, /"replica"/),
    create({ replica: -1 }, /"replica" is -1/),
    create({ replica: 1.5 }, /"replica" is 1.5/),
    create({ replica: 1e9 }, /"replica"/),
    create({ version: undefined }, /"version" is missing/),
    create({ version: '' }, /"version" is ""/),
    create({ version: true }, /"version" is true; expected 1-64 letters/),
    create({ version: 'a b' }, /"version"/),
    create({ version: '../1' }, /"version"/),
    create({ version: 'x'.repeat(65) }, /"version"/),
    create({ flavor_id: 'HUGE' }, /flavor_id "HUGE"/),
    create({ flavor_id: 5 }, /"flavor_id"/),
    create({ refer_resources: undefined }, /"refer_resources" is missing/),
    create({ refer_resources: [{ type: 'cce' }] }, /"refer_resources\[0\]\.id" is missing/),
    create({ refer_resources: [{ id: 'other', type: 'cce' }] }, /other/),
    create(
      {
        refer_resources: [
          { id: CLUSTER, type: 'cce' },
          { id: 'none', type: 'elb' },
        ],
      },
      /none/,
      '404 SVCSTG.00100424',
    ),
    create({ artifacts: undefined }, /artifacts/, '400 SVCSTG.00100425'),
    create({ artifacts: {} }, /artifacts/, '400 SVCSTG.00100425'),
    create({ artifacts: [] }, /"artifacts"/),
    create({ artifacts: { a: null } }, /"artifacts\.a" is null; expected an object/),
    create(
      { artifacts: { a: { ...instanceBody.artifacts.web, url: 'file:///etc/passwd' } } },
      /"artifacts\.a\.url" is "file:.*expected an address that begins with http:\/\//,
    ),
    create({ artifacts: { a: { ...instanceBody.artifacts.web, type: 'image' } } }, /container driver/),
    create(
      { artifacts: { a: { ...instanceBody.artifacts.web, url: 'http://ann:secret@example.org/a.jar' } } },
      /"artifacts\.a\.url" holds a user name or password/,
    ),
    create({ flavor_id: 'CUSTOM-10G:0.1C-2C:1Gi-1Gi' }, /asks for more at first/),
    create(
      { artifacts: { a: { ...instanceBody.artifacts.web, url: undefined } } },
      /"artifacts\.a\.url" is missing/,
    ),
    create(
      { artifacts: { a: { ...instanceBody.artifacts.web, storage: 'ftp' } } },
      /"artifacts\.a\.storage"/,
    ),
    create({ artifacts: { 'a\nb': instanceBody.artifacts.web } }, /"artifacts"/),
    create({ description: 'x'.repeat(129) }, /"description"/),
    create({ external_accesses: [{ protocol: 'ftp' }] }, /"external_accesses\[0\]\.protocol"/),
    create({ external_accesses: [{ address: 'a b' }] }, /"external_accesses\[0\]\.address"/),
    create(
      { external_accesses: [{ forward_port: 70000 }] },
      /"external_accesses\[0\]\.forward_port" is 70000; expected a port/,
    ),
    create({ external_accesses: [{ forward_port: 1 }, { forward_port: 2 }] }, /1.*2/),
    configured({ env: { A: '1' } }, /"configuration\.env"/),
    configured({ env: [{ name: 'A' }] }, /"configuration\.env\[0\]\.value" is missing/),
    configured({ env: [{ name: 'A B', value: '' }] }, /"configuration\.env\[0\]\.name" is "A B"/),
    configured({ strategy: { upgrade: 'BlueGreen' } }, /"configuration\.strategy\.upgrade"/),
    configured({ probes: { readinessProbe: { ...probe, type: 'grpc' } } }, /readinessProbe\.type/),
    configured(
      { probes: { readinessProbe: { ...probe, parameters: {} } } },
      /readinessProbe\.parameters\.port" is missing/,
    ),
    configured(
      { probes: { livenessProbe: { ...probe, parameters: { port: 0 } } } },
      /livenessProbe\.parameters\.port/,
    ),
    configured({ probes: { livenessProbe: { ...probe, delay: -1 } } }, /livenessProbe\.delay/),
    configured({ probes: { livenessProbe: { ...probe, timeout: 1e12 } } }, /livenessProbe\.timeout/),
    configured({ probes: { livenessProbe: { type: 'command', parameters: {} } } }, /command" is missing/),
    configured(
      { probes: { livenessProbe: { ...probe, parameters: { port: 1, path: 'http://x' } } } },
      /path/,
    ),
    configured({ storage: [{ type: 'HostPath' }] }, /storage\[0\]\.parameters\.path" is missing/),
    configured(
      { lifecycle: { entrypoint: { command: 'x' } } },
      /entrypoint\.command" is "x"; expected a list/,
    ),
    configured(
      { lifecycle: { entrypoint: { command: [''], args: ['a'] } } },
      /entrypoint\.command" is missing/,
    ),
    configured(
      { lifecycle: { 'post-start': { type: 'exec' } } },
      /post-start\.type" is "exec"; expected command or http/,
    ),
    configured({ lifecycle: { 'post-start': { parameters: { port: 1 } } } }, /post-start\.type" is missing/),
    configured(
      { lifecycle: { 'pre-stop': { type: 'command', parameters: {} } } },
      /pre-stop\.parameters\.command" is missing/,
    ),
    configured(
      { lifecycle: { 'pre-stop': { type: 'http', parameters: { path: '/x' } } } },
      /pre-stop\.parameters\.port" is missing/,
    ),
    configured(
      {
        lifecycle: { 'pre-stop': { type: 'http', parameters: { port: 9000 } } },
        probes: { readinessProbe: probe },
      },
      /8080 .*9000.*expected one port/,
    ),
    configured(
      { strategy: { spec: { maxSurge: '25%' } } },
      /strategy\.spec\.maxSurge" is "25%"; expected a whole number/,
    ),
    configured(
      { strategy: { spec: { maxSurge: 0, maxUnavailable: 0 } } },
      /are both 0; expected at least one above 0/,
    ),
    configured({ strategy: { upgrade: 'Recreate', spec: { maxSurge: 1 } } }, /with Recreate leave it out/),
    configured(
      { scheduler: { affinity: { az: ['a'] } } },
      /"configuration\.scheduler" chooses zones.*leave it out/,
    ),
    configured({ logs: [{ rotate: 'Daily' }] }, /configuration\.logs\[0\]\.logPath" is missing/),
    configured(
      { logs: [{ logPath: '/x', rotate: 'Yearly' }] },
      /rotate" is "Yearly"; expected.*Hourly.*Daily.*Weekly/,
    ),
    configured(
      { logs: [{ logPath: '/x', hostPath: '/y', hostExtendPath: 'Node' }] },
      /hostExtendPath" is "Node"; expected.*PodUID/,
    ),
    configured(
      { container_spec: { type: 'deployment' } },
      /"configuration\.container_spec" describes several containers.*leave it out/,
    ),
    {
      path: path.replace(/components\/[^/]+/, 'components/nowhere'),
      body: instanceBody,
      problem: '404 SVCSTG.00100404',
      says: /nowhere/,
    },
  ]);
});

test('instances: actions and changes that cannot be are refused', async (t) => {
  const stage = await openStage(t);
  const { at } = await anInstance(stage, await aComponent(stage));
  const action = (body: unknown, says: RegExp, problem = INVALID): Row => ({
    path: `${at}/action`,
    body,
    problem,
    says,
  });
  await refuseAll(stage, [
    action({}, /"action" is missing; expected start, stop/),
    action({ action: 'explode' }, /"explode"; expected start/, '400 SVCSTG.00100418'),
    action({ action: 5 }, /"action"/),
    action({ action: 'scale' }, /parameters\.replica/),
    action({ action: 'scale', parameters: {} }, /parameters\.replica/),
    action(
      { action: 'scale', parameters: { replica: 'x' } },
      /"parameters\.replica" is "x"; expected a whole number/,
    ),
    action({ action: 'scale', parameters: { replica: -1 } }, /parameters\.replica/),
    action({ action: 'scale', parameters: { replica: '99999' } }, /parameters\.replica/),
    action({ action: 'scale', parameters: { replica: '9999' } }, /parameters\.replica/),
    action({ action: 'scale', parameters: { hosts: [] } }, /parameters\.hosts/),
    action({ action: 'rollback' }, /parameters\.version/),
    action({ action: 'rollback', parameters: { version: {} } }, /parameters\.version/),
    { method: 'PUT', path: at, body: {}, problem: INVALID, says: /"version" is missing/ },
    { method: 'PUT', path: at, body: { version: '2', replica: 'x' }, problem: INVALID, says: /"replica"/ },
    {
      method: 'PUT',
      path: `${at}x`,
      body: { version: '2' },
      problem: '404 SVCSTG.00100412',
      says: /does not exist/,
    },
    {
      method: 'DELETE',
      path: `${at}?force=perhaps`,
      bytes: '',
      problem: INVALID,
      says: /"force" is "perhaps"; expected true or false/,
    },
  ]);
});
