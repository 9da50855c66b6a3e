import type { FromSource } from './runtime.ts';

/** Maven's own default for a web application or a jar. */
export const mavenProject = (...archives: readonly string[]): FromSource => ({
  command: async (tree) => ((await tree.has('pom.xml')) ? 'mvn -B -ntp clean package' : undefined),
  archives,
});

/** Without a script that builds, dependencies alone are no reason: they are installed with every package. */
export const nodeProject: FromSource = {
  async command(tree) {
    if (!hasBuildScript(await tree.text('package.json'))) return undefined;
    const isLocked = (await tree.has('package-lock.json')) || (await tree.has('npm-shrinkwrap.json'));
    const quiet = '--no-audit --no-fund';
    return `npm ${isLocked ? 'ci' : 'install'} ${quiet} && npm run build && npm prune --omit=dev ${quiet}`;
  },
  archives: [],
};

function hasBuildScript(manifest: string | undefined): boolean {
  try {
    const content: unknown = JSON.parse(manifest ?? '{}');
    const scripts =
      typeof content === 'object' && content !== null && 'scripts' in content && content.scripts;
    return (
      typeof scripts === 'object' &&
      scripts !== null &&
      'build' in scripts &&
      typeof scripts.build === 'string'
    );
  } catch {
    // What starts it will say that it is no JSON.
    return false;
  }
}
