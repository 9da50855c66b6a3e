import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SmallDisk } from './small-disk.ts';

const url = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);

/** How each of the two processes that outlive the platform writes a line. */
const writers = {
  'the ingress proxy': `
    import { Log } from ${url('ingress/proxy/log.ts')};
    const log = new Log(file);
    const write = (line) => log.write(line);`,
  'the supervisor': `
    import { Journal } from ${url('drivers/process/supervisor/journal.ts')};
    const journal = new Journal(file);
    const write = (line) => journal.tell(line);`,
};

for (const [who, writer] of Object.entries(writers)) {
  test(`the log of ${who} loses lines on a full disk, ends nothing, and goes on once there is room`, async (t) => {
    const disk = SmallDisk.mount(t, 1);
    if (!disk) return;
    t.after(() => disk.release());
    const file = join(disk.dataDir, 'a.log');
    const program = `
      const file = ${JSON.stringify(file)};
      ${writer}
      for await (const line of (await import('node:readline')).createInterface({ input: process.stdin })) {
        write(line);
        process.send(line);
      }`;
    const words = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program];
    // As they are started: standard output and errors are the log itself.
    const log = openSync(file, 'a');
    const child = spawn(process.execPath, words, { stdio: ['pipe', log, log, 'ipc'] });
    closeSync(log);
    t.after(() => child.kill('SIGKILL'));
    const { stdin } = child;
    assert.ok(stdin);
    const ended = once(child, 'exit');
    const tell = async (line: string) => {
      const answer = once(child, 'message');
      stdin.write(`${line}\n`);
      const [said] = await Promise.race([answer, ended]);
      assert.equal(said, line, 'it has ended');
    };
    await tell('before');
    disk.fill();
    for (let at = 0; at < 50; at += 1) await tell(`lost ${at} ${'x'.repeat(1_000)}`);
    disk.free();
    await tell('after');
    const text = readFileSync(file, 'utf8');
    assert.match(text, /before/);
    assert.match(text, /after/);
    stdin.end();
    assert.deepEqual(await ended, [0, null]);
  });
}
