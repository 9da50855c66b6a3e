import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, renameSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { addressesFile } from '../../src/data-directory.ts';
import { findPlatform } from '../../src/cli/running-platform.ts';
import { removeData } from '../../src/cli/tour/remove-data.ts';

/** `npm start` as a person has it: in a terminal, whose keys reach every process in the foreground. */
class Terminal {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'openstage-terminal-'));
  readonly #script: ChildProcess;
  shown = '';

  constructor(...flags: readonly string[]) {
    chmodSync(this.dataDir, 0o711);
    const ports = '--http-port 0 --https-port 0 --ingress-port 0';
    const command = `npm start -- --data-dir ${this.dataDir} ${ports} ${flags.join(' ')}`;
    this.#script = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, SHELL: '/bin/sh' },
    });
    this.#script.stdout?.setEncoding('utf8').on('data', (text: string) => (this.shown += text));
    this.#script.stdin?.on('error', () => {});
  }

  async shows(text: string): Promise<void> {
    await until(
      () => this.shown.includes(text),
      `the terminal does not show "${text}"`,
      () => this.shown,
    );
  }

  ctrlC(): void {
    this.#script.stdin?.write('\x03');
  }

  close(): void {
    this.#script.kill('SIGKILL');
  }

  async ended(): Promise<void> {
    if (this.#script.exitCode === null && this.#script.signalCode === null) await once(this.#script, 'exit');
  }

  /** The processes of this data directory, by their command lines. */
  processes(which: RegExp): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        const command = commandOf(pid);
        return command.includes(this.dataDir) && which.test(command) && !command.startsWith('script ');
      })
      .map(Number);
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

async function until(isSo: () => boolean, what: string, shown = () => ''): Promise<void> {
  const end = performance.now() + 120_000;
  while (!isSo()) {
    if (performance.now() > end) assert.fail(`${what}; shown: ${shown()}`);
    await wait(50);
  }
}

const SUPERVISOR = /supervisor\/main/;
/** With what starts it, where that is a process of its own. */
const PLATFORM = /^\S*node .*openstage\.(mjs|ts) serve /;
const ANY = /^/;

async function opened(t: TestContext, ...flags: readonly string[]): Promise<Terminal> {
  const terminal = new Terminal(...flags);
  t.after(async () => {
    for (const pid of terminal.processes(SUPERVISOR)) process.kill(pid, 'SIGCONT');
    for (const pid of terminal.processes(PLATFORM)) process.kill(pid, 'SIGTERM');
    await until(() => terminal.processes(PLATFORM).length === 0, 'the platform does not end');
    terminal.close();
    const down = spawn(process.execPath, ['bin/openstage.mjs', 'down', '--data-dir', terminal.dataDir]);
    assert.deepEqual(await once(down, 'exit'), [0, null]);
    removeData(terminal.dataDir);
  });
  await terminal.shows('Next, in another shell');
  return terminal;
}

test('Ctrl-C once stops the platform cleanly, and applications keep running', async (t) => {
  const terminal = await opened(t);
  assert.match(terminal.shown, /npx openstage down/, 'the first lines do not say how to stop all');
  terminal.ctrlC();
  await terminal.shows('Start it again to carry on');
  await terminal.ended();
  assert.equal(terminal.processes(PLATFORM).length, 0);
  assert.equal(terminal.processes(SUPERVISOR).length, 1);
});

test('Ctrl-C twice within two seconds still stops cleanly, and ephemeral stops all', async (t) => {
  const terminal = await opened(t, '--ephemeral');
  terminal.ctrlC();
  // Two that come at the same moment may be one for the kernel; this one finds the stop under way.
  await terminal.shows('SIGINT: stopping the platform and all its applications');
  terminal.ctrlC();
  await terminal.ended();
  await until(() => terminal.processes(ANY).length === 0, 'something of an ephemeral platform keeps running');
});

test('a later Ctrl-C ends a stop that takes too long', async (t) => {
  const terminal = await opened(t, '--ephemeral');
  const [supervisor] = terminal.processes(SUPERVISOR);
  assert.ok(supervisor);
  process.kill(supervisor, 'SIGSTOP');
  terminal.ctrlC();
  await terminal.shows('stopping the platform');
  const tries = setInterval(() => terminal.ctrlC(), 500);
  await until(() => terminal.processes(PLATFORM).length === 0, 'the platform does not end');
  clearInterval(tries);
});

test('a closed terminal leaves the platform running, and its log is reopened', async (t) => {
  const terminal = await opened(t);
  const { httpUrl } = findPlatform(terminal.dataDir);
  const log = join(terminal.dataDir, 'logs', 'platform.log');
  renameSync(log, `${log}.moved`);
  terminal.close();
  await terminal.ended();
  await until(() => existsSync(log), 'the log is not opened anew');
  // Long enough for a signal that ends it to have ended it.
  for (let asked = 0; asked < 10; asked += 1) {
    assert.equal((await fetch(`${httpUrl}/healthz`)).status, 200);
    await wait(100);
  }
  const [platform] = terminal.processes(PLATFORM);
  assert.ok(platform);
  process.kill(platform, 'SIGTERM');
  await until(() => terminal.processes(PLATFORM).length === 0, 'SIGTERM does not stop the platform');
  assert.ok(existsSync(addressesFile(terminal.dataDir)));
});

test('a closed terminal stops all of an ephemeral platform', async (t) => {
  const terminal = await opened(t, '--ephemeral');
  terminal.close();
  await until(() => terminal.processes(ANY).length === 0, 'something of an ephemeral platform keeps running');
});
