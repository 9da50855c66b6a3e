import { stopLeftRunning } from '../main.ts';
import type { Settings } from '../settings.ts';

/** Ends what outlives the platform. The platform itself is stopped by whoever started it. */
export async function down(settings: Settings): Promise<void> {
  await stopLeftRunning(settings);
  console.log(
    `Stopped the platform in ${settings.dataDir} and all its applications. Data is kept; the next start brings the applications back.`,
  );
}
