import type { Task } from '../jobs/kind.ts';
import { loadInstance, loadRelease, loadRollout, loadRuntime } from './load-rollout.ts';
import type { Parts } from './parts.ts';

/** What only the machine can tell, before anything changes: can the driver be reached, is the runtime there, is there room. */
export const checkTarget: Task<Parts> = {
  name: 'check-target',
  async run({ plan, parts, progress }) {
    const instance = await loadInstance(parts, plan.instance);
    const driver = parts.driver(instance.driver);
    progress(`runs on the driver "${driver.name}"`);
    await driver.observe(instance.id);
    if (!plan.next) return;
    const release = await loadRelease(parts, instance, plan.next.rollout);
    if (release.launch) {
      const [problem] = await driver.check(
        await loadRollout(parts, instance, plan.next.rollout),
        plan.replicas,
      );
      if (problem) throw problem;
      return;
    }
    await parts.locator.find(await loadRuntime(parts, instance), fileNameIn(release.content.source.url));
  },
};

/** What the address says; a server may call the file otherwise, which building looks at again. */
function fileNameIn(url: string): string | undefined {
  const name = URL.canParse(url) ? new URL(url).pathname.split('/').at(-1) : undefined;
  return name !== undefined && name.includes('.') ? name : undefined;
}
