import { basename, dirname, join, relative } from 'node:path';
import { Problem } from '../domain/errors.ts';
import type { Launch } from '../domain/launch.ts';
import { mavenProject } from './from-source.ts';
import { hasEntryBelow } from './jar-file.ts';
import { archivesIn, isExecutableJar, isJavaAtLeast, java, javaOf, jvmOptions, launchJar } from './java.ts';
import { isWrittenForJavax } from './javax-war.ts';
import { inRelease, PackageTree, unusable } from './package-content.ts';
import { launchByLine, pathOf, webLine } from './procfile.ts';
import type { BuildContext, Found, PackageContent, Runtime } from './runtime.ts';
import { READINESS_PATH, tomcatFiles } from './tomcat-configuration.ts';
import { defaultWebXml, hasJavax, migrationJarIn, migrationTool, tomcat } from './tomcat.ts';

/** What Tomcat's own start script opens to it from Java 9 on. */
const OPENED = [
  'java.base/java.lang',
  'java.base/java.io',
  'java.base/java.util',
  'java.base/java.util.concurrent',
  'java.rmi/sun.rmi.transport',
];

const TOMCAT_MISSING =
  'Tomcat 8.5 or newer is not installed on this host; install it (Debian: apt-get install tomcat10 ' +
  'tomcat-jakartaee-migration), run "openstage runtime install Tomcat8", or set CATALINA_HOME to its directory. ' +
  'It needs Java 8 or newer (Debian: apt-get install default-jre-headless).';

export const tomcat8: Runtime = {
  name: 'Tomcat8',
  displayName: 'Tomcat 8',
  defaultPort: 8080,
  description: 'Tomcat 8.5 or newer; serves a .war at the root path, or runs an executable .jar.',
  missing: TOMCAT_MISSING,
  fromSource: mavenProject('.war', '.jar'),
  ways(fileName = '.war') {
    const name = fileName.toLowerCase();
    if (name.endsWith('.jar')) return [[java]];
    const serving = [java, tomcat, migrationTool];
    // An archive may hold a .jar or a Procfile; whether it needs Tomcat is seen when it is unpacked.
    return name.endsWith('.war') ? [serving] : [serving, [java]];
  },

  async recognise({ dir: root }) {
    if ((await webLine(root)) !== undefined) return 'procfile';
    if (await new PackageTree(root).isDirectory('WEB-INF')) return 'web application';
    const [archive, ...others] = await archivesIn(root, '.war', '.jar');
    if (archive === undefined) {
      throw unusable(
        `This is not a package for Tomcat: ${await new PackageTree(root).holds()}. Expected a .war, an executable .jar, or an archive with ` +
          'exactly one of them or a WEB-INF directory at its root.',
      );
    }
    if (others.length > 0) {
      throw unusable(
        `The package holds ${others.length + 1} archives (${[archive, ...others].join(', ')}); expected exactly one .war or .jar.`,
      );
    }
    if (archive.toLowerCase().endsWith('.war')) {
      if (await isWebArchive(root, archive)) return 'war';
      throw unusable(
        `${archive} holds no WEB-INF directory, so it is not a web application; build it with your build tool's war task.`,
      );
    }
    if (await isExecutableJar(root, archive)) return 'jar';
    throw unusable(
      `${archive} cannot be started: its META-INF/MANIFEST.MF names no Main-Class. Expected a .war, or an executable .jar.`,
    );
  },

  async prepare(build) {
    if (build.form !== 'war' && build.form !== 'web application') return;
    const found = tomcatOf(build);
    const source = await webApplication(build);
    if (
      hasJavax(found) ||
      !(await isWrittenForJavax(new PackageTree(build.buildDir), relative(build.buildDir, source)))
    )
      return;
    const tool = (await migrationJarIn(join(found.path, 'lib'))) ?? build.executables.get(migrationTool.name);
    if (!tool) {
      throw new Problem(
        'runtimeMissing',
        `The package was written for javax.servlet, which ${found.version} no longer has, and Tomcat's migration tool is ` +
          'not on this host; install it (Debian: apt-get install tomcat-jakartaee-migration), or run "openstage runtime ' +
          'install Tomcat8", which brings a Tomcat that serves the package as it is.',
      );
    }
    const classes = ['-cp', tool.path, 'org.apache.tomcat.jakartaee.MigrationCLI'];
    await build.run([javaOf(build).path, ...classes, source, converted(build)]);
  },

  async launch(build) {
    const root = build.dir;
    const runsOnJava = javaOf(build);
    if (build.form === 'jar') return launchJar(build);
    if (build.form === 'procfile') {
      const line = (await webLine(root)) ?? '';
      const rest = { env: {}, portVariables: ['SERVER_PORT'], runtimeVersion: runsOnJava.version };
      return launchByLine(build, 'The Procfile', line, [dirname(runsOnJava.path)], rest);
    }
    return launchTomcat(build, tomcatOf(build), runsOnJava);
  },
};

async function launchTomcat(build: BuildContext, found: Found, runsOnJava: Found): Promise<Launch> {
  const webXml = await defaultWebXml(found.path);
  if (webXml === undefined) {
    throw new Problem(
      'runtimeMissing',
      `The Tomcat in ${found.path} has no conf/web.xml; install it again, or set CATALINA_HOME to a complete one.`,
    );
  }
  const isConverted = (await new PackageTree(build.buildDir).stat(basename(converted(build)))) !== undefined;
  const docBase = inRelease(build, isConverted ? converted(build) : await webApplication(build));
  const jars = ['bootstrap.jar', 'tomcat-juli.jar'].map((name) => join(found.path, 'bin', name));
  return {
    argv: [
      runsOnJava.path,
      ...jvmOptions(runsOnJava),
      ...(isJavaAtLeast(runsOnJava, '9') ? OPENED.map((name) => `--add-opens=${name}=ALL-UNNAMED`) : []),
      '-Djava.util.logging.manager=org.apache.juli.ClassLoaderLogManager',
      '-Djava.util.logging.config.file={{replicaDir}}/conf/logging.properties',
      '-Dorg.apache.catalina.startup.EXIT_ON_INIT_FAILURE=true',
      `-Dcatalina.home=${found.path}`,
      '-Dcatalina.base={{replicaDir}}',
      '-classpath',
      jars.join(':'),
      'org.apache.catalina.startup.Bootstrap',
      'start',
    ],
    cwd: '{{replicaDir}}',
    env: {
      PATH: pathOf([dirname(runsOnJava.path)]),
      CATALINA_HOME: found.path,
      CATALINA_BASE: '{{replicaDir}}',
    },
    portVariables: ['SERVER_PORT'],
    files: tomcatFiles(docBase, webXml),
    readinessPath: READINESS_PATH,
    runtimeVersion: `${found.version} on ${runsOnJava.version}`,
  };
}

function tomcatOf(build: BuildContext): Found {
  const found = build.executables.get(tomcat.name);
  if (!found) throw new Problem('runtimeMissing', TOMCAT_MISSING);
  return found;
}

async function isWebArchive(root: string, name: string): Promise<boolean> {
  await using file = await new PackageTree(root).open(name);
  return file !== undefined && (await hasEntryBelow(file, name, 'WEB-INF/'));
}

/** The .war, or the unpacked directory. */
async function webApplication({ dir: root }: PackageContent): Promise<string> {
  const [war] = await archivesIn(root, '.war');
  return war === undefined ? root : join(root, war);
}

const converted = (build: BuildContext): string =>
  join(build.buildDir, build.form === 'war' ? 'converted.war' : 'converted');
