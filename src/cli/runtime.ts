import { runtimes } from '../runtimes/all.ts';
import { installRuntime as install } from '../runtimes/install.ts';
import { createLocator } from '../runtimes/locate.ts';
import type { Settings } from '../settings.ts';

export async function listRuntimes({ dataDir, runtimeOverrides, searchPath }: Settings): Promise<void> {
  const locator = createLocator({
    overrides: runtimeOverrides,
    path: searchPath,
    dataDir,
    areAppsOtherUsers: process.getuid?.() === 0,
  });
  for (const runtime of runtimes)
    console.log(`${runtime.name.padEnd(10)} ${await locator.describe(runtime)}`);
}

export async function installRuntime(
  { dataDir, mavenUrl, searchPath }: Settings,
  name: string,
): Promise<void> {
  const found = await install(name, {
    dataDir,
    path: searchPath,
    tell: console.log,
    ...(mavenUrl !== undefined && { mavenUrl }),
  });
  console.log(`${name} runs on ${found.version} from now on (${found.path}).`);
}
