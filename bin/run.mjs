#!/usr/bin/env node
// Plain JavaScript that any Node understands: finds the Node that the project brings and runs the given script with it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { compiledDir, removeOthers } from './compiled.mjs';

const FLOOR = 24;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [script, ...args] = process.argv.slice(2);

// Stripping types takes 25 MB that are never given back, and half of the time that a start takes; once is enough.
// Where this cannot be written, nothing is kept.
const isCommand = script.endsWith('openstage.ts');
const compiled = isCommand
  ? compiledDir(root)
  : script === 'test/run.ts'
    ? compiledDir(root, 'openstage-tests')
    : undefined;
// It idles for months: a smaller young generation saves 20 MB more, and a smaller one still costs throughput. The script "start" of package.json says the same.
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=4'];

function broughtNode() {
  const names = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`];
  const folders = [join(root, 'node_modules'), dirname(root)];
  return folders
    .flatMap((folder) => names.map((name) => join(folder, name, 'bin', 'node')))
    .find((path) => existsSync(path));
}

function run(node) {
  const child = spawn(node, [...NODE_FLAGS, script, ...args], {
    stdio: 'inherit',
    env: { ...(compiled && { NODE_COMPILE_CACHE: compiled }), ...process.env },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else process.exit(code ?? 1);
  });
}

const isFit = Number(process.versions.node.split('.')[0]) >= FLOOR && script !== '--watch';
if (isFit) {
  process.argv.splice(1, 2, resolve(script));
  process.removeAllListeners('warning');
  // Of the command alone: it loads everything, and where the directory is there, all is in it.
  if (isCommand) module.enableCompileCache(compiled);
  // Each file of the tests is a process, and loads the same.
  else if (compiled) {
    removeOthers(compiled);
    process.env.NODE_COMPILE_CACHE ??= compiled;
  }
  await import(pathToFileURL(resolve(script)).href);
} else {
  const node = Number(process.versions.node.split('.')[0]) >= FLOOR ? process.execPath : broughtNode();
  if (node) run(node);
  else {
    console.error(
      `Openstage needs Node ${FLOOR} or newer; this is ${process.version} on ${process.platform}-${process.arch}, ` +
        `and npm brought no newer one for it. Install Node ${FLOOR} or newer, or run "npm install" without --omit=optional.`,
    );
    process.exit(1);
  }
}
