import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { removeData } from './remove-data.ts';

const command = fileURLToPath(new URL('../../../bin/openstage.mjs', import.meta.url));

/** A platform for the tour alone: free ports, a data directory of its own, and nothing of it is left. */
export class OwnPlatform {
  readonly dataDir: string;
  readonly #child: ChildProcess;

  private constructor(dataDir: string, child: ChildProcess) {
    this.dataDir = dataDir;
    this.#child = child;
  }

  static async start(): Promise<OwnPlatform> {
    const dataDir = mkdtempSync(join(tmpdir(), 'openstage-tour-'));
    // Applications that have users of their own pass through it.
    chmodSync(dataDir, 0o711);
    const ports = ['--http-port', '0', '--https-port', '0', '--ingress-port', '0'];
    const child = spawn(
      process.execPath,
      [command, 'serve', '--ephemeral', '--data-dir', dataDir, ...ports],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        // Ctrl-C reaches the tour, which then stops the platform in its own order.
        detached: true,
      },
    );
    const platform = new OwnPlatform(dataDir, child);
    try {
      await ready(child);
    } catch (error) {
      await platform.stop();
      throw error;
    }
    return platform;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill('SIGTERM');
      await ended;
    }
    removeData(this.dataDir);
  }
}

async function ready(child: ChildProcess): Promise<void> {
  if (!child.stdout) throw new Error('The platform was started without an output to read.');
  for await (const line of createInterface({ input: child.stdout }))
    if (line.includes('is ready')) return void child.stdout.resume();
  throw new Error('The platform did not start; its own message is above.');
}
