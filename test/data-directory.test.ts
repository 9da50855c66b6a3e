import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openDataDirectory } from '../src/data-directory.ts';

function aDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'openstage-data-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('a second platform on one data directory is refused with a sentence, until the first is gone', async (t) => {
  const dir = aDir(t);
  const first = await openDataDirectory(dir);
  await assert.rejects(openDataDirectory(dir), {
    message: `Another platform is running on the data directory ${dir}; stop it, or name another with --data-dir.`,
  });
  first.release();
  (await openDataDirectory(dir)).release();
});

test('a platform that is killed leaves its data directory free for the next', async (t) => {
  const dir = aDir(t);
  const code = `const { openDataDirectory } = await import(${JSON.stringify(import.meta.resolve('../src/data-directory.ts'))});
    await openDataDirectory(${JSON.stringify(dir)}); console.log('open'); setInterval(() => {}, 1e6);`;
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', code];
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  await assert.rejects(openDataDirectory(dir), /Another platform is running/);
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  (await openDataDirectory(dir)).release();
});

test('password, key and certificate are made at first start, for their owner only, and kept', async (t) => {
  const dir = aDir(t);
  const first = await openDataDirectory(dir);
  first.release();
  const password = first.adminPassword();
  for (const file of [first.adminPasswordFile, first.keyFile, join(dir, 'tls', 'key.pem')]) {
    assert.equal(statSync(file).mode & 0o777, 0o600, file);
  }
  assert.ok(password.length >= 20);
  assert.equal(readFileSync(first.adminPasswordFile, 'utf8'), password);
  const certificate = new X509Certificate(first.tls.cert);
  assert.equal(certificate.checkHost('localhost'), 'localhost');
  assert.equal(certificate.checkIP('127.0.0.1'), '127.0.0.1');
  assert.ok(Date.parse(certificate.validTo) > Date.now() + 365 * 86_400_000);
  const again = await openDataDirectory(dir);
  again.release();
  assert.deepEqual(
    [again.adminPassword(), again.key, again.host.id, again.tls],
    [password, first.key, first.host.id, first.tls],
  );
});

test('a lock that cannot be taken for another reason is told as what it is', async (t) => {
  const dir = aDir(t);
  (await openDataDirectory(dir)).release();
  const lock = join(dir, 'run', 'platform.lock');
  writeFileSync(lock, 'this is no database, and long enough to be seen as none'.repeat(100));
  await assert.rejects(
    openDataDirectory(dir),
    /The lock file .*platform\.lock cannot be used \(file is not a database\)/,
  );
  rmSync(lock);
  mkdirSync(lock);
  await assert.rejects(
    openDataDirectory(dir),
    /platform\.lock cannot be used \(unable to open database file\)/,
  );
  rmSync(lock, { recursive: true });
  (await openDataDirectory(dir)).release();
});

for (const beside of ['openstage.db', 'host-id']) {
  test(`a key that is missing beside ${beside} is not replaced by a new one`, async (t) => {
    const dir = aDir(t);
    writeFileSync(join(dir, beside), '');
    await assert.rejects(openDataDirectory(dir), {
      message:
        `The key file ${dir}/key is missing, but the data directory ${dir} has been used before (${dir}/${beside} exists). ` +
        'Secrets in the database cannot be read without that key: restore the file from a backup, or name where it is with --key-file.',
    });
    assert.ok(!existsSync(join(dir, 'key')));
    // The refusal lets go of the directory.
    rmSync(join(dir, beside));
    (await openDataDirectory(dir)).release();
  });
}
