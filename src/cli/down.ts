import { stopLeftRunning } from '../main.ts';
import type { Settings } from '../settings.ts';

/** Ends what outlives the platform. The platform itself is stopped by whoever started it. */
export async function down(settings: Settings): Promise<void> {
  await stopLeftRunning(settings);
  console.log(
    `Nothing of ${settings.dataDir} runs any more; its data are kept, and the next start brings the applications back.`,
  );
}
