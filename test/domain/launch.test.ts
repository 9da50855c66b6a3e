import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fill, withoutDataDir, type Launch } from '../../src/domain/launch.ts';

const launch: Launch = {
  argv: ['/srv/a+b/node/v24.0.0/node', '{{releaseDir}}/server.js', '--like=/srv/a+b', '/other/srv/a+b/x'],
  cwd: '{{releaseDir}}',
  env: { PATH: '/srv/a+b/node/v24.0.0:/usr/bin', HOME_OF: '/srv/a+bc/x' },
  portVariables: [],
  files: [{ path: 'conf', content: 'home = "/srv/a+b/runtimes/Tomcat8/9.0.1"' }],
  runtimeVersion: 'Node.js 24.0.0',
};

test('a launch without its data directory is the same again where it is filled in there, and moves to another', () => {
  const stored = withoutDataDir(launch, '/srv/a+b');
  assert.deepEqual(stored.argv, [
    '{{dataDir}}/node/v24.0.0/node',
    '{{releaseDir}}/server.js',
    '--like=/srv/a+b',
    '/other/srv/a+b/x',
  ]);
  assert.deepEqual(stored.env, { PATH: '{{dataDir}}/node/v24.0.0:/usr/bin', HOME_OF: '/srv/a+bc/x' });
  assert.equal(stored.files[0]?.content, 'home = "{{dataDir}}/runtimes/Tomcat8/9.0.1"');
  const places = { port: 1, replicaDir: '/r', releaseDir: '/b' };
  assert.equal(fill(stored.argv[0] ?? '', { ...places, dataDir: '/srv/a+b' }), launch.argv[0]);
  assert.equal(fill(stored.argv[0] ?? '', { ...places, dataDir: '/new' }), '/new/node/v24.0.0/node');
});
