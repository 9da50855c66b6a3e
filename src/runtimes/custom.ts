import { join } from 'node:path';
import { inRelease, PackageTree, unusable } from './package-content.ts';
import { launchByLine, pathOf, webLine } from './procfile.ts';
import type { Runtime } from './runtime.ts';

const PROGRAMS = ['start.sh', 'run', 'bin/start'] as const;

export const custom: Runtime = {
  name: 'Custom',
  displayName: 'Custom',
  defaultPort: 8080,
  description:
    'Whatever starts by the "web:" line of a Procfile, or by an executable start.sh, run or bin/start.',
  missing: 'This host cannot run custom packages.',
  ways: () => [[]],

  async recognise({ dir: root }) {
    if ((await webLine(root)) !== undefined) return 'procfile';
    const program = await new PackageTree(root).firstFile(PROGRAMS);
    if (program === undefined) {
      throw unusable(
        `The package does not say how it starts: ${await new PackageTree(root).holds()}. Expected a Procfile with a "web:" line, or an ` +
          `executable ${PROGRAMS.join(', ')}.`,
      );
    }
    if (await new PackageTree(root).isExecutableFile(program)) return program;
    throw unusable(
      `${program} is not marked as executable; run "chmod +x ${program}" before packing, or add a Procfile such as ` +
        `"web: bash ${program}".`,
    );
  },

  async launch(build) {
    const root = build.dir;
    const base = {
      env: {},
      portVariables: [],
      runtimeVersion: `Custom (${build.form === 'procfile' ? 'Procfile' : build.form})`,
    };
    if (build.form === 'procfile')
      return launchByLine(build, 'The Procfile', (await webLine(root)) ?? '', [], base);
    return {
      ...base,
      argv: [inRelease(build, join(root, build.form))],
      cwd: inRelease(build, root),
      env: { PATH: pathOf([]) },
      files: [],
    };
  },
};
