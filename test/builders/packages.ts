import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { create } from 'tar';
import { filesBelow, writeFiles } from './files.ts';
import { compile, rest } from './java-classes.ts';
import { wheelOf } from './python-wheel.ts';
import { zip, type Entry } from './zip.ts';

/** What the sample applications are packed as. */
export type Form = 'zip' | 'tgz' | 'jar' | 'war';

export interface Wish {
  /** Shown by GET /; any text that suits a file. */
  readonly version?: string;
  /** A directory `<runtime>-<variant>` of the fixtures, laid over the sample. */
  readonly variant?: string;
  readonly form?: Form;
}

/** A tool that building or running a sample needs; one of the paths or commands is enough. */
interface Tool {
  readonly name: string;
  readonly anyOf: readonly string[];
}

/** Turns the sample's sources into the files of its package. */
type Pack = (sources: readonly Entry[], workDir: string, form: Form) => Promise<readonly Entry[]>;

interface Sample {
  readonly directory: string;
  /** The first is taken unless another is wished for. */
  readonly forms: readonly Form[];
  readonly tools: readonly Tool[];
  readonly pack?: Pack;
}

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'apps');

const JAVA: readonly Tool[] = [
  { name: 'java', anyOf: ['java'] },
  { name: 'javac', anyOf: ['javac'] },
];
/** javax.servlet, for which applications of Tomcat 8's time were written. */
const SERVLET_API = [
  '/usr/share/java/servlet-api.jar',
  '/usr/share/java/servlet-api-4.0.1.jar',
  '/usr/share/java/javax.servlet-api.jar',
];

const samples: Readonly<Record<string, Sample>> = {
  Tomcat8: {
    directory: 'tomcat8',
    forms: ['war', 'zip'],
    tools: [
      ...JAVA,
      { name: 'the servlet API (libservlet-api-java)', anyOf: SERVLET_API },
      {
        name: 'tomcat',
        anyOf: ['/usr/share/tomcat10/lib/catalina.jar', '/usr/share/tomcat9/lib/catalina.jar'],
      },
      {
        name: 'tomcat-jakartaee-migration',
        anyOf: ['/usr/share/tomcat-jakartaee-migration/lib', '/usr/share/tomcat9/lib'],
      },
    ],
    pack: async (sources, workDir) => [
      ...rest(sources).map((each) => (each.path === 'VERSION' ? { ...each, path: 'WEB-INF/VERSION' } : each)),
      ...(await compile(sources, workDir, SERVLET_API.find(isThere))).map((each) => ({
        ...each,
        path: `WEB-INF/classes/${each.path}`,
      })),
    ],
  },
  Java8: {
    directory: 'java8',
    forms: ['jar', 'zip'],
    tools: JAVA,
    async pack(sources, workDir, form) {
      const manifest = Buffer.from('Manifest-Version: 1.0\r\nMain-Class: Sample\r\n\r\n');
      const jar = [
        { path: 'META-INF/MANIFEST.MF', content: manifest },
        ...(await compile(sources, workDir)),
        ...rest(sources),
      ];
      return form === 'jar' ? jar : [{ path: 'sample.jar', content: zip(jar) }];
    },
  },
  Nodejs8: { directory: 'nodejs8', forms: ['zip', 'tgz'], tools: [] },
  Php7: {
    directory: 'php7',
    forms: ['zip', 'tgz'],
    tools: [{ name: 'php, or apache2 with mod_php', anyOf: ['php', 'apache2'] }],
  },
  Python3: {
    directory: 'python3',
    forms: ['tgz', 'zip'],
    tools: [{ name: 'python3', anyOf: ['python3'] }],
    pack: async (sources) => {
      const isModule = ({ path }: Entry) => path.startsWith('greeting/');
      const wheel = zip(wheelOf('greeting', '1.0', sources.filter(isModule)));
      return [
        ...sources.filter((each) => !isModule(each)),
        { path: 'wheels/greeting-1.0-py3-none-any.whl', content: wheel },
      ];
    },
  },
  Custom: {
    directory: 'custom',
    forms: ['tgz', 'zip'],
    tools: [
      { name: 'perl', anyOf: ['perl'] },
      { name: 'bash', anyOf: ['bash'] },
    ],
  },
};

/** The names of what this machine lacks to build and run the sample of a runtime. */
export function missingTools(runtime: string): readonly string[] {
  return sampleOf(runtime)
    .tools.filter(({ anyOf }) => !anyOf.some(isThere))
    .map(({ name }) => name);
}

/** The path of a package of a runtime's sample application, built once per content. */
export async function packageFor(runtime: string, wish: Wish = {}): Promise<string> {
  const sample = sampleOf(runtime);
  const form = wish.form ?? sample.forms[0] ?? 'zip';
  if (!sample.forms.includes(form))
    throw new Error(
      `The sample of ${runtime} is not packed as .${form}, only as ${sample.forms.join(', ')}.`,
    );
  const base = filesBelow(join(FIXTURES, sample.directory));
  const overlay =
    wish.variant === undefined ? [] : filesBelow(join(FIXTURES, `${sample.directory}-${wish.variant}`));
  const version = { path: 'VERSION', content: Buffer.from(`${wish.version ?? '1.0.0'}\n`) };
  const sources = [...new Map([...base, ...overlay, version].map((each) => [each.path, each])).values()];

  const target = join(cacheDir(), keyOf(sources, runtime, form), `sample-${wish.version ?? '1.0.0'}.${form}`);
  if (existsSync(target)) return target;
  await mkdir(dirname(dirname(target)), { recursive: true });
  const workDir = await mkdtemp(join(cacheDir(), 'work-'));
  try {
    const entries = (await sample.pack?.(sources, workDir, form)) ?? sources;
    const made = join(workDir, 'package');
    if (form === 'tgz') await writeTarball(entries, workDir, made);
    else await writeFile(made, zip(entries));
    await mkdir(dirname(target), { recursive: true });
    await rename(made, target);
    return target;
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

export const formsOf = (runtime: string): readonly Form[] => sampleOf(runtime).forms;

function sampleOf(runtime: string): Sample {
  const sample = samples[runtime];
  if (!sample)
    throw new Error(
      `There is no sample application for the runtime ${runtime}; add one to test/fixtures/apps and to this table.`,
    );
  return sample;
}

/** One per user, since tests run as root and as others on the same machine. */
const cacheDir = (): string => join(tmpdir(), `openstage-test-packages-${process.getuid?.() ?? 0}`);

/** Built packages are as good as their sources and this builder are the same. */
function keyOf(sources: readonly Entry[], runtime: string, form: Form): string {
  const hash = createHash('sha256')
    .update(`${runtime} ${form}\n`)
    .update(readFileSync(import.meta.filename));
  for (const { path, content, mode } of sources)
    hash.update(`${path} ${mode} ${content.length}\n`).update(content);
  return hash.digest('hex').slice(0, 16);
}

async function writeTarball(entries: readonly Entry[], workDir: string, file: string): Promise<void> {
  const content = join(workDir, 'content');
  await writeFiles(entries, content);
  await create(
    { gzip: true, portable: true, mtime: new Date(0), cwd: content, file },
    entries.map(({ path }) => path),
  );
}

function isThere(pathOrCommand: string): boolean {
  if (pathOrCommand.startsWith('/')) return existsSync(pathOrCommand);
  const dirs = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return dirs.some((dir) => existsSync(join(dir, pathOrCommand)));
}
