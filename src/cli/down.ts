import { findHostId } from '../data-directory.ts';
import { stopLeftRunning } from '../main.ts';
import type { Settings } from '../settings.ts';
import { endPlatform } from './end-platform.ts';

/** Ends the platform, where it runs, and all that outlives it. */
export async function down(settings: Settings): Promise<void> {
  const { dataDir } = settings;
  if (findHostId(dataDir) === undefined)
    throw new Error(
      `Nothing was ever started in ${dataDir}; name the data directory of the platform with --data-dir.`,
    );
  await endPlatform(dataDir, (line) => console.log(line));
  await stopLeftRunning(settings);
  console.log(
    `Stopped the platform in ${dataDir} and all its applications. Data is kept; the next start brings the applications back.`,
  );
}
