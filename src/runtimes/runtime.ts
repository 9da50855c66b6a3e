import type { Launch } from '../domain/launch.ts';

/**
 * One runtime is one small definition: which packages it recognises, which executables it needs, what it prepares
 * once per build, and how it starts.
 */
export interface Runtime {
  /** The contract's name, such as "Tomcat8"; promises a floor, never an exact version. */
  readonly name: string;
  readonly displayName: string;
  /** `container_default_port` of the contract. */
  readonly defaultPort: number;
  /** What it takes, in a sentence. */
  readonly description: string;
  /** Used when no way is open: "Java 8 or newer is not installed on this host; install it (Debian: apt-get install default-jre-headless), or set OPENSTAGE_JAVA to the path of java." */
  readonly missing: string;
  /** What a package of that file name can be run with, best first. Without a name: what any package may need. */
  ways(fileName?: string): readonly Way[];
  /**
   * What an unpacked (or single-file) package is for this runtime, or a Problem of code `packageUnusable` that says
   * what was expected.
   */
  recognise(content: PackageContent): Promise<string>;
  /** Done once per build, in the build's directory, before it is sealed: virtual environments, converted WARs. Writes only through `run`. */
  prepare?(build: BuildContext): Promise<void>;
  launch(build: BuildContext): Promise<Launch>;
  /** How source code becomes a package of this runtime; absent: the code itself is one. */
  readonly fromSource?: FromSource;
}

/** What a source tree tells without being trusted. */
export interface SourceFiles {
  has(name: string): Promise<boolean>;
  /** Undefined where there is no such small file. */
  text(name: string): Promise<string | undefined>;
}

export interface FromSource {
  /** For a shell, where neither the component nor the code itself names a command; undefined: nothing is to be done. */
  command(tree: SourceFiles): Promise<string | undefined>;
  /** Endings of the archives that are the result, best first; where none is made, the tree is. */
  readonly archives: readonly string[];
  /** What the shell is to find by name before anything else. */
  commands?(executables: Executables): Promise<Commands>;
}

/** The words that a name stands for, or the sentence that says why it stands for none. */
export type Commands = Readonly<Record<string, readonly string[] | { readonly missing: string }>>;

/** Executables that together run a package. */
export type Way = readonly Executable[];

export interface Executable {
  /** "java", "python3", "tomcat". */
  readonly name: string;
  /** Settings that name its path and win over the search, such as OPENSTAGE_JAVA. */
  readonly settings: readonly string[];
  /** Absolute paths to look at first: what the distribution installs suits all users and stays where it is. */
  places(dataDir: string): readonly string[];
  /** Names under which PATH is searched then; none for what is not a command. */
  readonly commands: readonly string[];
  /** The way is open without it. */
  readonly isOptional?: boolean;
  /** Asks a path for its version; undefined where it does not answer like one, or is below the floor. */
  probe(path: string): Promise<Found | undefined>;
}

export interface Found {
  /** What is to be started; may differ from the path that was asked, which may be a wrapper. */
  readonly path: string;
  /** As it is shown: "OpenJDK 17.0.15", "Node.js 24.21.0". */
  readonly version: string;
}

/** Found executables by name. */
export type Executables = ReadonlyMap<string, Found>;

export interface PackageContent {
  /** Absolute directory that holds the package: unpacked, or the single .jar or .war file under its own name. */
  readonly dir: string;
  /** The file name that the package was uploaded or fetched under. */
  readonly fileName: string;
}

export interface BuildContext extends PackageContent {
  /** The build's directory, which holds `dir`; launches name it {{releaseDir}}, so it may move before it is sealed. */
  readonly buildDir: string;
  /** What `recognise` answered. */
  readonly form: string;
  readonly executables: Executables;
  /** Runs a build step in the build's directory, as the unprivileged user, with time and output limits; a Problem of code `buildFailed` with the last lines where it fails. */
  run(
    argv: readonly string[],
    options?: {
      readonly env?: Readonly<Record<string, string>>;
      readonly cwd?: string;
      readonly commands?: Commands;
    },
  ): Promise<string>;
}
