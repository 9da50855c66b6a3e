import { readdirSync, readFileSync } from 'node:fs';

/** What the kernel says runs; nothing of this asks the platform. */
export interface Running {
  readonly pid: number;
  readonly command: string;
  readonly variables: ReadonlyMap<string, string>;
}

export function running(): readonly Running[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const command = read(`/proc/${name}/cmdline`);
      const isZombie = /^State:\s+[ZX]/m.test(read(`/proc/${name}/status`));
      if (command === '' || isZombie) return [];
      const pairs = read(`/proc/${name}/environ`)
        .split('\0')
        .map((pair) => pair.split(/=(.*)/s))
        .map(([key = '', value = '']) => [key, value] as const);
      return [
        { pid: Number(name), command: command.replaceAll('\0', ' ').trim(), variables: new Map(pairs) },
      ];
    });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

export type Daemon = 'supervisor' | 'proxy';

export function daemon(kind: Daemon, dataDir: string): number | undefined {
  const main = kind === 'supervisor' ? 'supervisor/main.ts' : 'proxy/main.ts';
  return running().find(({ command }) => command.includes(main) && command.includes(dataDir))?.pid;
}

/** The processes of applications of a data directory, by the replica that they bear as a mark: instance/rollout/ordinal. */
export function applications(dataDir: string): ReadonlyMap<string, readonly Running[]> {
  const marked = running().filter(
    ({ variables }) => variables.has('OPENSTAGE_REPLICA') && variables.get('HOME')?.startsWith(dataDir),
  );
  return Map.groupBy(marked, ({ variables }) => variables.get('OPENSTAGE_REPLICA') ?? '');
}
