/**
 * How one replica is started. Data only: it is stored with the release, so that a rollback needs no builder.
 * Texts in `argv`, `cwd`, `env` and `files` may hold {{port}}, {{replicaDir}}, {{releaseDir}}
 * and {{dataDir}}.
 */
export interface Launch {
  /** Started without a shell; the first word is an absolute path. */
  readonly argv: readonly string[];
  readonly cwd: string;
  /** What the runtime itself needs; holds no secret. The user's variables win, except PORT and `portVariables`. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables besides PORT that carry the port, such as SERVER_PORT. */
  readonly portVariables: readonly string[];
  /** Written into the replica's directory before each start; paths are relative to it. */
  readonly files: readonly LaunchFile[];
  /** Where the runtime itself answers 200 over HTTP once the application has started; looked at where the user names no readiness probe. Absent: the port is. */
  readonly readinessPath?: string;
  /** What really runs, as the runtime reports it: "OpenJDK 17.0.15", "Node.js 24.21.0", "Tomcat 10.1.60 on OpenJDK 17.0.15". */
  readonly runtimeVersion: string;
}

export interface LaunchFile {
  readonly path: string;
  readonly content: string;
}

export interface LaunchPlaces {
  readonly port: number;
  /** The replica's own writable directory. */
  readonly replicaDir: string;
  /** The build's directory, read-only for the application. */
  readonly releaseDir: string;
  /** The platform's data directory, which another may take the place of. */
  readonly dataDir: string;
}

/** Fills the places of a template in; an unknown place is left as it stands. */
export function fill(template: string, places: LaunchPlaces): string {
  return template.replace(/\{\{(port|replicaDir|releaseDir|dataDir)\}\}/g, (_, name: keyof LaunchPlaces) =>
    String(places[name]),
  );
}

/** The same launch for whichever data directory it is started from later: nothing in it names the one of now. */
export function withoutDataDir(launch: Launch, dataDir: string): Launch {
  const here = new RegExp(`(?<![\\w./-])${dataDir.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?=/)`, 'g');
  const named = (text: string): string => text.replace(here, '{{dataDir}}');
  const env = Object.entries(launch.env).map(([name, value]) => [name, named(value)] as const);
  return {
    ...launch,
    argv: launch.argv.map(named),
    cwd: named(launch.cwd),
    env: Object.fromEntries(env),
    files: launch.files.map(({ path, content }) => ({ path, content: named(content) })),
  };
}
