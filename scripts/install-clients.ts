import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { goDriver, javaClassPath, javaPlace, pythonPlace } from '../test/clients/places.ts';

/**
 * Installs the official clients for Python, Java and Go, and builds the programs that drive them, into the user's own cache.
 * What is there already is kept by each tool's own rules, so that a second run takes seconds.
 */
function run(cwd: string, command: string, ...args: string[]): void {
  const { status, error } = spawnSync(command, args, {
    cwd,
    stdio: 'inherit',
    env: { ...process.env, GOFLAGS: '-mod=readonly' },
  });
  if (status !== 0) throw error ?? new Error(`${command} ended with ${status}; its own message is above.`);
}

const clients = resolve(import.meta.dirname, '../test/clients');

run(clients, '/usr/bin/python3', '-m', 'venv', pythonPlace);
run(
  clients,
  join(pythonPlace, 'bin', 'python'),
  '-m',
  'pip',
  'install',
  '--quiet',
  '--disable-pip-version-check',
  '-r',
  'python/requirements.txt',
);

mkdirSync(javaPlace, { recursive: true });
run(
  clients,
  'mvn',
  '--quiet',
  '--batch-mode',
  '--file',
  'java/pom.xml',
  'dependency:build-classpath',
  `-Dmdep.outputFile=${javaClassPath}`,
);
run(
  clients,
  'javac',
  '-nowarn',
  '-Xlint:-deprecation',
  '-d',
  javaPlace,
  '-cp',
  readFileSync(javaClassPath, 'utf8').trim(),
  'java/Driver.java',
);

mkdirSync(dirname(goDriver), { recursive: true });
run(join(clients, 'go'), 'go', 'build', '-o', goDriver, '.');
