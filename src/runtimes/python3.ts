import { dirname, join } from 'node:path';
import { Problem } from '../domain/errors.ts';
import { ask, isAtLeast } from './ask-version.ts';
import { inRelease, PackageTree, unusable } from './package-content.ts';
import { launchByLine, pathOf, webLine } from './procfile.ts';
import type { BuildContext, Executable, Found, Runtime } from './runtime.ts';

const python: Executable = {
  name: 'python3',
  settings: ['OPENSTAGE_PYTHON'],
  places: () => ['/usr/bin/python3', '/usr/local/bin/python3', '/opt/homebrew/bin/python3'],
  commands: ['python3'],
  async probe(path) {
    // Its own path, since what PATH finds may be a wrapper that chooses by directory.
    const script = 'import platform, sys; print(sys.executable); print(platform.python_version())';
    const [executable = '', version = ''] = ((await ask(path, '-c', script)) ?? '').split('\n');
    if (!executable.startsWith('/') || !/^\d+\.\d+/.test(version) || !isAtLeast(version, '3'))
      return undefined;
    return { path: executable, version: `Python ${version}` };
  },
};

const PROGRAMS = ['app.py', 'main.py', 'server.py'] as const;

export const python3: Runtime = {
  name: 'Python3',
  displayName: 'Python 3',
  defaultPort: 8000,
  description:
    'Python 3; installs requirements.txt into a virtual environment and runs app.py, main.py or server.py.',
  missing:
    'Python 3 is not installed on this host where applications can reach it; install it (Debian: apt-get install ' +
    'python3 python3-venv), or set OPENSTAGE_PYTHON to the path of python3.',
  ways: () => [[python]],

  async recognise({ dir: root }) {
    if ((await webLine(root)) !== undefined) return 'procfile';
    const program = await new PackageTree(root).firstFile(PROGRAMS);
    if (program !== undefined) return program;
    throw unusable(
      `This is not a Python package: ${await new PackageTree(root).holds()}. Expected ${PROGRAMS.join(', ')} at the root, or a Procfile ` +
        'with a "web:" line such as "web: gunicorn app:app --bind 127.0.0.1:$PORT".',
    );
  },

  async prepare(build) {
    const root = build.dir;
    if (!(await new PackageTree(root).isFile('requirements.txt'))) return;
    const found = pythonOf(build);
    const install = ['install', '--no-input', '--disable-pip-version-check', '-r', 'requirements.txt'];
    if (await hasForeignPip(found)) {
      await build.run([found.path, '-m', 'venv', '--without-pip', environmentDir(build)]);
      const into = ['--python', environmentPython(build)];
      await build.run([found.path, '-m', 'pip', ...into, ...install], { cwd: root });
    } else {
      await build.run([found.path, '-m', 'venv', environmentDir(build)]);
      await build.run([environmentPython(build), '-m', 'pip', ...install], { cwd: root });
    }
  },

  async launch(build) {
    const root = build.dir;
    const found = pythonOf(build);
    const hasEnvironment = await new PackageTree(build.buildDir).isDirectory(ENVIRONMENT);
    const bin = join(environmentDir(build), 'bin');
    const base = {
      env: {
        PYTHONUNBUFFERED: '1',
        PYTHONDONTWRITEBYTECODE: '1',
        // gunicorn and uvicorn believe X-Forwarded-* from 127.0.0.1 alone, and the ingress comes from all of 127/8.
        FORWARDED_ALLOW_IPS: '*',
        ...(hasEnvironment && { VIRTUAL_ENV: inRelease(build, environmentDir(build)) }),
      },
      portVariables: [],
      runtimeVersion: found.version,
    };
    const dirs = [...(hasEnvironment ? [bin] : []), dirname(found.path)];
    if (build.form === 'procfile')
      return launchByLine(build, 'The Procfile', (await webLine(root)) ?? '', dirs, base);
    return {
      ...base,
      argv: [
        hasEnvironment ? inRelease(build, environmentPython(build)) : found.path,
        inRelease(build, join(root, build.form)),
      ],
      cwd: inRelease(build, root),
      env: { PATH: pathOf(dirs.map((dir) => (dir === bin ? inRelease(build, bin) : dir))), ...base.env },
      files: [],
    };
  },
};

function pythonOf(build: BuildContext): Found {
  const found = build.executables.get(python.name);
  if (!found) throw new Problem('runtimeMissing', python3.missing);
  return found;
}

/** Whether Python's own pip can install into another environment: a pip inside costs 4 s more. */
async function hasForeignPip(found: Found): Promise<boolean> {
  const version = /^pip (\d+\.\d+)/m.exec((await ask(found.path, '-m', 'pip', '--version')) ?? '')?.[1];
  return version !== undefined && isAtLeast(version, '22.3');
}

const ENVIRONMENT = 'venv';
const environmentPython = (build: BuildContext): string => join(environmentDir(build), 'bin', 'python');

const environmentDir = (build: BuildContext): string => join(build.buildDir, ENVIRONMENT);
