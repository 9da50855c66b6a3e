import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { holdsItsPromises } from '../conformance.ts';
import { TestHost, WEB } from './test-host.ts';

holdsItsPromises('process', async (t) => {
  const host = new TestHost(t);
  const node = join(host.dir, 'node');
  symlinkSync(process.execPath, node);
  const driver = await host.open({ node });
  return {
    driver,
    rollout: (more) => host.rollout(WEB, more),
    running: async (rollout) => host.marked(rollout.instance).length,
    cutOff: async () => {
      rmSync(node);
      host.killSupervisor();
    },
  };
});
