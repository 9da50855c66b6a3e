import { readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { parseUnfenced } from '../../domain/fences.ts';
import { OwnReach, plainReach } from '../../kernel/reach.ts';
import { bootId } from './boot.ts';
import { EXIT } from './exit.ts';
import { takeLock } from '../../kernel/lock.ts';
import { Log } from './log.ts';
import { makeDirectories, proxyPaths, removeFarDirectory } from './paths.ts';
import { becomeUser, giveDirectory } from './privileges.ts';
import { AddressUnavailable, startProxy } from './proxy.ts';
import { onceRemoved } from '../../kernel/removed.ts';

/** Started by the platform and left alone: it ends by its control socket, or by SIGTERM. */
const SIGTERM_GRACE_MS = 10_000;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { warm: { type: 'boolean' }, unfenced: { type: 'string' }, user: { type: 'string' } },
});
const [dataDir, bind, port] = positionals;
// Everything is loaded by now, and written to Node's cache when this process ends.
if (values.warm === true) process.exit();
if (dataDir === undefined || bind === undefined || port === undefined) {
  console.error('usage: main [--user <number>] [--unfenced <fences>] <data directory> <bind address> <port>');
  process.exit(EXIT.usage);
}
const paths = proxyPaths(dataDir);
makeDirectories(dataDir, paths);
const user = values.user === undefined ? undefined : Number(values.user);
if (user !== undefined) giveDirectory(dirname(paths.routes), user);
const log = new Log(paths.log);
const lock = takeLock(paths.lock);
if (lock === undefined) {
  log.write(
    `Another ingress proxy serves the data directory ${dataDir}; use that one, or shut it down first.`,
  );
  process.exit(EXIT.locked);
}
// One application's odd answer must not take all others off the air.
process.on('uncaughtException', (error) => log.write(`unexpected: ${error.stack ?? error.message}`));
process.on('SIGHUP', () => undefined);
try {
  const say = (message: string) => log.write(message);
  const isLooking =
    process.platform === 'linux' && !parseUnfenced(values.unfenced ?? '').has('socket-owners');
  const ownReach = isLooking ? await OwnReach.open(say) : undefined;
  const proxy = await startProxy({
    paths,
    bind,
    port: Number(port),
    boot: bootId(),
    ...descriptors(),
    onListening: () => {
      // Now, for a process that is killed writes nothing, and a user may not write what root runs.
      flushCompileCache();
      if (user !== undefined) becomeUser(user);
    },
    reach: ownReach ?? plainReach,
    strangers: () => ownReach?.count ?? 0,
    log: say,
  });
  proxy.onShutdown(() => {
    if (user === undefined) removeFarDirectory(dataDir, paths);
    lock.release();
    process.exit();
  });
  onceRemoved(dirname(paths.routes), () => {
    log.write('the data directory was removed');
    process.exit();
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void proxy.shutdown(SIGTERM_GRACE_MS));
  }
} catch (error) {
  log.write(error instanceof Error ? error.message : String(error));
  process.exit(error instanceof AddressUnavailable ? EXIT.addressUnavailable : EXIT.failed);
}

/** Node has raised its limit to what it may be. */
function descriptors(): { descriptors?: number } {
  if (process.platform !== 'linux') return {};
  const most = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return most === undefined ? {} : { descriptors: Number(most) };
}
