import { dirname } from 'node:path';
import { mavenProject } from './from-source.ts';
import { archivesIn, isExecutableJar, java, JAVA_MISSING, javaOf, launchJar } from './java.ts';
import { PackageTree, unusable } from './package-content.ts';
import { launchByLine, webLine } from './procfile.ts';
import type { Runtime } from './runtime.ts';

export const java8: Runtime = {
  name: 'Java8',
  displayName: 'Java 8',
  defaultPort: 8080,
  description: 'Java 8 or newer; runs an executable .jar.',
  missing: JAVA_MISSING,
  ways: () => [[java]],
  fromSource: mavenProject('.jar', '.war'),

  async recognise({ dir: root }) {
    if ((await webLine(root)) !== undefined) return 'procfile';
    const [jar, ...others] = await archivesIn(root, '.jar', '.war');
    if (jar === undefined) {
      throw unusable(
        `This is not a Java package: ${await new PackageTree(root).holds()}. Expected an executable .jar, or an archive with exactly one ` +
          '.jar at its root or a Procfile with a "web:" line.',
      );
    }
    if (others.length > 0) {
      throw unusable(
        `The package holds ${others.length + 1} archives (${[jar, ...others].join(', ')}), so it does not say which one to ` +
          'start. Expected exactly one, or a Procfile such as "web: java -jar app.jar".',
      );
    }
    if (await isExecutableJar(root, jar)) return 'jar';
    throw unusable(
      `${jar} cannot be started: its META-INF/MANIFEST.MF names no Main-Class. Expected an executable .jar ` +
        `(jar --create --main-class …)${jar.endsWith('.war') ? '; a .war for a servlet container runs on the runtime Tomcat8' : ''}.`,
    );
  },

  async launch(build) {
    if (build.form === 'jar') return launchJar(build);
    const found = javaOf(build);
    const line = (await webLine(build.dir)) ?? '';
    return launchByLine(build, 'The Procfile', line, [dirname(found.path)], {
      env: {},
      portVariables: ['SERVER_PORT'],
      runtimeVersion: found.version,
    });
  },
};
