import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { php7 } from '../../src/runtimes/php7.ts';
import { packageFor } from '../builders/packages.ts';
import { zip } from '../builders/zip.ts';
import { aDirectory, aLocator, built, endGroup, started, untilAnswers } from './running.ts';

const PHP = '/usr/bin/php';
if (existsSync(PHP)) {
  test("PHP's own server serves where it is named, and says so", async (context) => {
    const build = await built(context, php7, await packageFor('Php7'), aLocator({ OPENSTAGE_PHP: PHP }));
    const launch = await php7.launch(build);
    assert.match(launch.runtimeVersion, /^PHP [\d.]+ built-in server$/);
    const running = await started(context, build, launch, { 'log-level': 'debug' });
    assert.partialDeepStrictEqual(JSON.parse(await untilAnswers(running)), {
      runtime: 'Php7',
      env: { 'log-level': 'debug' },
    });
    endGroup(running.process, 'SIGTERM');
    await running.exited;
  });
} else console.log(`# PHP's own server is left out: this machine lacks ${PHP}`);

if (
  (
    await aLocator()
      .find(php7)
      .catch(() => new Map())
  ).has('mod_php')
) {
  test('Apache serves public/ alone, types files, and keeps hidden ones to itself', async (context) => {
    const file = join(await aDirectory(context), 'app.zip');
    const files = {
      'secret.txt': 's',
      'public/index.php': '<?php echo "page";',
      'public/a.css': 'a{}',
      'public/.env': 'SECRET=1',
    };
    await writeFile(
      file,
      zip(Object.entries(files).map(([path, text]) => ({ path, content: Buffer.from(text) }))),
    );
    const build = await built(context, php7, file);
    const running = await started(context, build, await php7.launch(build));
    assert.equal(await untilAnswers(running), 'page');
    assert.deepEqual(await running.get('/a.css'), { status: 200, body: 'a{}' });
    assert.equal((await running.get('/.env')).status, 403);
    assert.equal((await running.get('/secret.txt')).status, 404);
    assert.equal((await running.get('/../secret.txt')).status, 400);
  });

  test("a PHP program's error reaches the log of its replica", async (context) => {
    const file = join(await aDirectory(context), 'app.zip');
    await writeFile(
      file,
      zip([
        {
          path: 'index.php',
          content: Buffer.from(
            '<?php if (isset($_GET["fail"])) throw new Exception("no database"); echo "page";',
          ),
        },
      ]),
    );
    const build = await built(context, php7, file);
    const running = await started(context, build, await php7.launch(build));
    await untilAnswers(running);
    assert.equal((await running.get('/?fail')).status, 500);
    // Apache's log passes through another process, so it may come a moment later than the answer.
    await untilLogged(running, /Uncaught Exception: no database/);
  });
} else console.log('# PHP on Apache is left out: this machine lacks apache2 with mod_php');

const LOGGED_MOST_MS = 20_000;

async function untilLogged(running: { log(): Promise<string> }, expected: RegExp): Promise<void> {
  const until = Date.now() + LOGGED_MOST_MS;
  while (!expected.test(await running.log())) {
    if (Date.now() > until) assert.match(await running.log(), expected);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
