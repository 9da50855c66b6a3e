import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { answering, environment, freePort } from './bare-app.ts';

/** The process manager that people know, fetched for the bench alone, with a daemon of its own. */
export class Pm2 {
  readonly #command: string;
  readonly #home: string;

  private constructor(directory: string) {
    this.#command = join(directory, 'node_modules', '.bin', 'pm2');
    this.#home = join(directory, 'home');
  }

  /** Undefined where npm cannot fetch it. */
  static fetch(directory: string): Pm2 | undefined {
    mkdirSync(directory, { recursive: true });
    const args = ['install', '--prefix', directory, '--no-audit', '--no-fund', '--ignore-scripts', 'pm2'];
    const fetched = spawnSync('npm', args, { cwd: directory, stdio: 'ignore' });
    if (fetched.status !== 0) return undefined;
    const pm2 = new Pm2(directory);
    // The daemon starts with the first command; only later ones are measured.
    pm2.#run(['ping'], {});
    return pm2;
  }

  /** Milliseconds from the command until the application answers. */
  async start(script: string): Promise<number> {
    const port = await freePort();
    const begun = performance.now();
    this.#run(['start', script, '--name', 'bench'], environment(port));
    await answering(port);
    const startMs = performance.now() - begun;
    this.#run(['delete', 'bench'], {});
    return startMs;
  }

  stop(): void {
    this.#run(['kill'], {});
  }

  #run(args: readonly string[], environment: NodeJS.ProcessEnv): void {
    execFileSync(this.#command, args, {
      env: {
        ...process.env,
        ...environment,
        PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
        PM2_HOME: this.#home,
      },
      stdio: 'ignore',
    });
  }
}
