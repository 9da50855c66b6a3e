import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { applications, running } from './processes.ts';

/** How what runs differs from the replicas (instance/rollout/ordinal) that the API shows; undefined where it does not. */
export function differenceOf(shown: ReadonlySet<string>, dataDir: string): string | undefined {
  const found = applications(dataDir);
  const directories = readdirSync(join(dataDir, 'replicas'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) =>
      // Beside the replicas lie files of their rollouts.
      readdirSync(join(dataDir, 'replicas', entry.name), { withFileTypes: true })
        .filter((each) => each.isDirectory())
        .map(({ name }) => `${entry.name}/${name.replace('-', '/')}`),
    );
  const extra = [...found.keys()].filter((replica) => !shown.has(replica));
  const absent = [...shown].filter((replica) => !found.has(replica));
  const left = directories.filter((directory) => !shown.has(directory));
  const twice = [...found].filter(([, processes]) => processes.length > 1).map(([replica]) => replica);
  const holders = holdersOf(dataDir);
  const idle = holders.filter((replica, at) => !shown.has(replica) || holders.indexOf(replica) !== at);
  if (extra.length + absent.length + left.length + twice.length + idle.length === 0) return undefined;
  return JSON.stringify({
    'run but are not shown': extra,
    'shown but do not run': absent,
    'directories left over': left,
    'run twice': twice,
    'namespaces held for nobody': idle,
  });
}

/** The replicas whose namespaces are held, each as often as they are. */
const holdersOf = (dataDir: string): readonly string[] =>
  running().flatMap(({ command }) => {
    const [, instance, rollout, ordinal] =
      new RegExp(`unshare .*${dataDir}/replicas/([^/]+)/(\\d+)-(\\d+)/mounts`, 's').exec(command) ?? [];
    return instance === undefined ? [] : [`${instance}/${rollout}/${ordinal}`];
  });
