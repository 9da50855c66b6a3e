import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { keepNode } from '../../../src/runtimes/own-node.ts';

/** Numeric users that nobody has; nothing needs to know them by name. */
export const VICTIM = 71_001;
export const THIEF = 71_002;

/** A Node that every user may run. */
export function aNode(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'openstage-strangers-'));
  chmodSync(dir, 0o711);
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return keepNode(dir);
}

/** Runs a program as a user until the test ends; it is there once it has said "ready". */
export async function runAs(
  t: TestContext,
  node: string,
  user: number,
  program: string,
  ...words: readonly (string | number | boolean)[]
): Promise<{ readonly child: ChildProcess; end(): Promise<void> }> {
  const file = join(tmpdir(), `openstage-stranger-${randomUUID()}.cjs`);
  writeFileSync(file, program, { mode: 0o644 });
  t.after(() => rmSync(file));
  const child = spawn(node, [file, ...words.map(String)], {
    uid: user,
    gid: user,
    cwd: '/',
    env: {},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  t.after(end);
  const lines = createInterface({ input: child.stdout });
  const [first] = await Promise.race([once(lines, 'line'), once(child, 'exit')]);
  assert.equal(first, 'ready');
  return { child, end };
}

/** Answers every request with the second word, on the port and address of the first and third. */
export const WEB = `
const [port, text, host, ipv6Only] = process.argv.slice(2);
require('node:http').createServer((request, response) => response.end(text))
  .on('upgrade', (request, socket) => socket.end('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n' + text))
  .listen({ port: Number(port), host, ipv6Only: ipv6Only === 'true' }, () => console.log('ready'));
`;
