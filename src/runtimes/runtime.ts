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
  readonly description: string;
  readonly needs: readonly Executable[];
  /**
   * What an unpacked (or single-file) package is for this runtime, or a Problem of code `packageUnusable` that says
   * what was expected.
   */
  recognise(content: PackageContent): Promise<string>;
  /** Done once per build, in the build's directory, before it is sealed: virtual environments, converted WARs. */
  prepare?(build: BuildContext): Promise<void>;
  launch(build: BuildContext): Promise<Launch>;
}

export interface Executable {
  /** "java", "python3", "tomcat". */
  readonly name: string;
  /** Setting that names its path and wins over the search, such as OPENSTAGE_JAVA. */
  readonly setting: string;
  /** Where to look beside PATH. */
  readonly places: readonly string[];
  /** Used when nothing is found: "Java 8 or newer is not installed on this host; install it (Debian: apt-get install default-jre-headless) or set OPENSTAGE_JAVA to its path." */
  readonly missing: string;
  /** Reads the version of a found path; undefined where it does not answer like one, or is below the floor. */
  version(path: string): Promise<string | undefined>;
}

export interface Found {
  readonly path: string;
  readonly version: string;
}

export interface PackageContent {
  /** Absolute directory that holds the package: unpacked, or the single .jar or .war file under its own name. */
  readonly dir: string;
  /** The file name that the package was uploaded or fetched under. */
  readonly fileName: string;
}

export interface BuildContext extends PackageContent {
  /** What `recognise` answered. */
  readonly form: string;
  readonly executables: ReadonlyMap<string, Found>;
  /** Runs a build step in the build's directory, as the unprivileged user, with time and output limits; a Problem of code `buildFailed` with the last lines where it fails. */
  run(argv: readonly string[], options?: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string }): Promise<string>;
}
