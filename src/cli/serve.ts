import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describeFences } from '../domain/fences.ts';
import { startPlatform, version, type Platform } from '../main.ts';
import { openPlatformLog } from '../platform-log.ts';
import type { Settings } from '../settings.ts';
import { closeInherited } from '../kernel/inherited.ts';
import { tooFewOpenFiles } from './open-files.ts';
import { quoted } from './quoted.ts';

/** One Ctrl-C reaches the platform several times: from the terminal, and again from npm and whatever else started it. */
const SAME_WISH_MS = 2_000;
const INTERRUPTED = 130;

/** Runs until SIGINT or SIGTERM; ephemeral, also until its terminal is closed. */
export async function serve(settings: Settings): Promise<void> {
  // Steps of builds are started by this very process.
  closeInherited();
  // The terminal may be closed long before the platform ends.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const tooFew = tooFewOpenFiles();
  if (tooFew !== undefined) throw new Error(tooFew);
  const { log, file } = openPlatformLog(settings);
  const stopped = stopWish(settings.ephemeral, () => file.reopen());
  const platform = await startPlatform(settings, log);
  console.log(banner(platform, settings));
  const signal = await stopped;
  console.log(
    `\n${signal}: stopping the platform${settings.ephemeral ? ' and all its applications' : '; applications and their ingress keep running'}.`,
  );
  await platform.stop();
  if (!settings.ephemeral)
    console.log(
      `Start it again to carry on, or stop the applications too with: npx openstage down${dataDirFlag(platform.data.path)}`,
    );
  file.close();
}

/**
 * The first signal that asks for a stop. The handlers stay: a signal that comes twice must not end a stop in its
 * middle; one that comes later ends it at once, for whoever does not want to wait.
 */
function stopWish(isEphemeral: boolean, reopen: () => void): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    const wish = (signal: NodeJS.Signals) => {
      if (firstAt === undefined) {
        firstAt = performance.now();
        resolve(signal);
      } else if (performance.now() - firstAt > SAME_WISH_MS) process.exit(INTERRUPTED);
    };
    process.on('SIGINT', wish);
    process.on('SIGTERM', wish);
    // What programs that rotate logs send, and what a closed terminal sends.
    process.on('SIGHUP', (signal) => (isEphemeral ? wish(signal) : reopen()));
  });
}

function banner(
  { httpUrl, httpsHost, ingressUrl, data, fences, appUsers }: Platform,
  settings: Settings,
): string {
  return [
    `Openstage ${version} is ready.`,
    `  API           ${httpUrl}  and  https://${httpsHost}  (reference: ${httpUrl}/docs)`,
    `  Applications  ${ingressUrl}  (each at http://<instance>.<application>.localhost:${ingressUrl.split(':').at(-1)}/)`,
    `  Data          ${data.path}${settings.ephemeral ? '  (ephemeral: all stops together)' : ''}`,
    ...(appUsers === undefined ? [] : [`  Users         ${appUsers}`]),
    `  Administrator admin, ${whereIsPassword(data.adminPasswordFile)}`,
    settings.ephemeral
      ? '  To stop       Ctrl-C stops the platform and all its applications'
      : `  To stop       Ctrl-C stops the platform, applications keep running; then npx openstage down${dataDirFlag(data.path)} stops them too`,
    ...describeFences(fences).map((line) => `  ${line}`),
    '',
    'Next, in another shell:',
    `  eval "$(npx openstage env${dataDirFlag(data.path)})"`,
  ].join('\n');
}

/** A data directory that took the place of a lost one has only what was copied into it. */
const whereIsPassword = (file: string) =>
  existsSync(file)
    ? `password in ${file}`
    : `password not here (${file} is missing; copy it from a backup, or set a new one as docs/users.md says)`;

/** None where the command finds the directory by itself. */
const dataDirFlag = (path: string) =>
  path === resolve('.openstage') ? '' : ` --data-dir ${/^[\w./-]+$/.test(path) ? path : quoted(path)}`;
