import type { Grants } from '../domain/grants.ts';
import type { LogRequest } from '../domain/request.ts';
import type { Volume } from '../domain/volume.ts';
import { hostDirectory, planMountPath, refused } from './plan-volumes.ts';

/** Directories of logs as a release keeps them, or a Problem that says what cannot be had and why. */
export function planLogs(
  grants: Grants,
  { project, name }: { readonly project: string; readonly name: string },
  requests: readonly LogRequest[],
): readonly Volume[] {
  return requests.map(({ path: sent, hostPath, rotate, isPerReplica, isPerContainer }, index) => {
    const place = `configuration.logs[${index}]`;
    const path = planMountPath(grants, sent, `${place}.logPath`);
    const mounts = [{ path, readOnly: false }];
    if (hostPath === undefined) {
      if (isPerReplica) {
        throw refused(
          `${place}.hostExtendPath`,
          'names directories below hostPath, which is missing',
          'send hostPath, or "None": without hostPath each replica has a directory of its own anyway',
        );
      }
      return { kind: 'empty', inMemory: false, mounts, logs: { rotate, isPerReplica } };
    }
    const logs = { rotate, isPerReplica, ...(isPerContainer && { container: name }) };
    return { ...hostDirectory(grants, project, hostPath, `${place}.hostPath`), mounts, logs };
  });
}
