import { isIP } from 'node:net';
import { Problem } from '../../domain/errors.ts';
import { splitAddress, type ExternalAccess, type ReleaseContent } from '../../domain/release.ts';
import type { AccessRequest } from '../../domain/request.ts';
import type { Instance } from '../../store/instances.ts';
import type { AccessInputWire } from './schemas/instance-requests.ts';
import type { ExternalAccessWire } from './schemas/instance.ts';

/** Parts of an access may be sent alone; an empty text is none. */
export function readAccess(sent: AccessInputWire): AccessRequest {
  const { id, protocol, address, forward_port } = sent;
  if (protocol?.toUpperCase() === 'HTTPS') {
    throw new Problem(
      'invalid',
      'Field "external_accesses.protocol" is "HTTPS", but the ingress of this platform listens with HTTP alone; send HTTP, and let what ' +
        'stands before the ingress end TLS.',
    );
  }
  return {
    ...(id && { id }),
    ...(protocol && { protocol: protocol.toUpperCase() }),
    ...(address && { address: readAddress(address) }),
    ...(forward_port !== undefined && { forwardPort: forward_port }),
  };
}

function readAddress(sent: string): string {
  const { host, path } = splitAddress(sent);
  const parts = path.split('/').slice(1, path.endsWith('/') ? -1 : undefined);
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new Problem(
      'invalid',
      `Field "external_accesses.address" is "${sent}"; expected a path without empty parts, "." and "..".`,
    );
  }
  return `${host}${path}`;
}

/**
 * Clients send back what they read: the generated access is none of the user's own, and the address of one that was
 * given without is still generated. `current` are those of the release that they read.
 */
export function withoutGenerated(
  sent: readonly AccessRequest[],
  { id, hostName }: Pick<Instance, 'id' | 'hostName'>,
  current: readonly ExternalAccess[],
): readonly AccessRequest[] {
  return sent.flatMap((access) => {
    if (access.id === id) return [];
    const { address, ...rest } = access;
    if (address?.replace(/:\d+$/, '') !== hostName) return [access];
    const given = current.find((one) => one.address === undefined && (access.id ?? one.id) === one.id);
    return given ? [{ ...rest, id: given.id }] : [];
  });
}

/** `port` is shown where none was sent: the one that the runtime is known for. */
export function accessesWire(
  instance: Instance,
  { externalAccesses, contractPort }: ReleaseContent,
  port: number,
): ExternalAccessWire[] {
  const forwardPort = contractPort ?? port;
  if (externalAccesses.length === 0) {
    return [
      {
        id: instance.id,
        protocol: 'HTTP',
        address: instance.hostName,
        forward_port: forwardPort,
        type: 'AUTO_GENERATED',
        status: 'NORMAL',
        create_time: instance.createTime,
        update_time: instance.createTime,
      },
    ];
  }
  return externalAccesses.map((access) => ({
    id: access.id,
    protocol: access.protocol ?? 'HTTP',
    address: access.address ?? instance.hostName,
    forward_port: access.forwardPort ?? forwardPort,
    type: typeOf(access.address),
    status: 'NORMAL' as const,
    create_time: access.createTime,
    update_time: access.updateTime,
  }));
}

function typeOf(address: string | undefined): ExternalAccessWire['type'] {
  if (address === undefined) return 'AUTO_GENERATED';
  return isIP(splitAddress(address).host.replace(/:\d+$/, '')) === 0 ? 'SPECIFIED' : 'IP_ADDR';
}
