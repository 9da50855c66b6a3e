import type { ActionRequest } from '../domain/request.ts';
import type { InstanceScope } from './accept-job.ts';
import type { Accepted, Caller, Services } from './caller.ts';
import { restartInstance } from './restart-instance.ts';
import { rollBackInstance } from './roll-back-instance.ts';
import { scaleInstance } from './scale-instance.ts';
import { startInstance } from './start-instance.ts';
import { stopInstance } from './stop-instance.ts';

export function actOnInstance(
  services: Services,
  caller: Caller,
  scope: InstanceScope,
  request: ActionRequest,
): Promise<Accepted> {
  switch (request.action) {
    case 'start':
      return startInstance(services, caller, scope);
    case 'stop':
      return stopInstance(services, caller, scope);
    case 'restart':
      return restartInstance(services, caller, scope);
    case 'scale':
      return scaleInstance(services, caller, scope, request);
    case 'rollback':
      return rollBackInstance(services, caller, scope, request.version);
  }
}
