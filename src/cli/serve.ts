import { resolve } from 'node:path';
import { describeFences } from '../domain/fences.ts';
import { startPlatform, version, type Platform } from '../main.ts';
import type { Settings } from '../settings.ts';
import { quoted } from './quoted.ts';

/** Runs until SIGINT or SIGTERM. */
export async function serve(settings: Settings): Promise<void> {
  const platform = await startPlatform(settings);
  console.log(banner(platform, settings));
  const signal = await new Promise<NodeJS.Signals>((come) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, come);
  });
  console.log(
    `\n${signal}: the platform stops${settings.ephemeral ? ', with all its applications' : '; applications and their ingress go on running'}.`,
  );
  await platform.stop();
  if (!settings.ephemeral)
    console.log('Start it again to carry on, or stop these too with: npx openstage down');
}

function banner({ httpUrl, httpsHost, ingressUrl, data, fences }: Platform, settings: Settings): string {
  return [
    `Openstage ${version} is ready.`,
    `  API           ${httpUrl}  and  https://${httpsHost}  (reference: ${httpUrl}/docs)`,
    `  Applications  ${ingressUrl}  (each at http://<instance>.<application>.localhost:${ingressUrl.split(':').at(-1)}/)`,
    `  Data          ${data.path}${settings.ephemeral ? '  (ephemeral: all stops together)' : ''}`,
    `  Administrator admin, password in ${data.adminPasswordFile}`,
    ...describeFences(fences).map((line) => `  ${line}`),
    '',
    'Next, in another shell:',
    `  eval "$(npx openstage env${dataDirFlag(data.path)})"`,
  ].join('\n');
}

/** None where the command finds the directory by itself. */
const dataDirFlag = (path: string) =>
  path === resolve('.openstage') ? '' : ` --data-dir ${/^[\w./-]+$/.test(path) ? path : quoted(path)}`;
