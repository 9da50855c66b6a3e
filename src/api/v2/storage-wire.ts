import { Problem } from '../../domain/errors.ts';
import type { VolumeRequest } from '../../domain/request.ts';
import type { StorageInputWire } from './schemas/configuration.ts';

const needsCluster = (type: string, index: number, todo: string): Problem =>
  new Problem(
    'invalid',
    `Field "configuration.storage[${index}].type" is "${type}", which lives in a cluster, and this instance runs as processes of a host; ${todo}.`,
  );

export function readStorage(sent: readonly StorageInputWire[]): readonly VolumeRequest[] {
  return sent.map(({ type, parameters = {}, mounts: sentMounts = [] }, index) => {
    const mounts = sentMounts.map(({ path, readOnly = false, subPath }) => ({
      path,
      readOnly,
      ...(subPath && { subPath }),
    }));
    switch (type) {
      case 'HostPath':
        if (!parameters.path) {
          throw new Problem(
            'invalid',
            `Field "configuration.storage[${index}].parameters.path" is missing; expected a directory of the host.`,
          );
        }
        return { kind: 'host', path: parameters.path, mounts };
      case 'EmptyDir':
        return { kind: 'empty', inMemory: isMemory(parameters.medium, index), mounts };
      case 'ConfigMap':
        throw needsCluster(
          type,
          index,
          'put the file into the package, or its content into configuration.env',
        );
      case 'Secret':
        throw needsCluster(type, index, 'send the secret in configuration.env, which is kept encrypted');
      case 'PersistentVolumeClaim':
        throw needsCluster(type, index, 'send a HostPath that the operator allows');
    }
  });
}

function isMemory(medium: string | undefined, index: number): boolean {
  if (!medium) return false;
  if (medium.toLowerCase() === 'memory') return true;
  throw new Problem(
    'invalid',
    `Field "configuration.storage[${index}].parameters.medium" is "${medium}"; expected "memory", or none for a disk.`,
  );
}
