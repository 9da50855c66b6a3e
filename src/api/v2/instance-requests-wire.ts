import { Problem } from '../../domain/errors.ts';
import { environmentId } from '../../domain/ids.ts';
import { assertNoCredential } from '../../domain/package-address.ts';
import type { Artifact, ReferResource } from '../../domain/release.ts';
import type { ActionRequest, ChangeRequest, CreateRequest } from '../../domain/request.ts';
import { readAccess } from './access-wire.ts';
import { readConfiguration } from './configuration-wire.ts';
import { withoutEmpty } from './empty.ts';
import type {
  InstanceActionWire,
  InstanceCreateWire,
  InstanceModifyWire,
} from './schemas/instance-requests.ts';

/** `2` and `"2"` are one label. */
const readLabel = (version: string | number): string => String(version);

export function readCreate(sent: InstanceCreateWire): CreateRequest {
  return {
    ...readShared(sent),
    name: sent.name,
    environment: environmentId(sent.environment_id),
    replicas: sent.replica,
    flavorId: sent.flavor_id,
    referResources: readResources(sent.refer_resources),
  };
}

export function readChange(sent: InstanceModifyWire): ChangeRequest {
  return {
    ...readShared(sent),
    ...(sent.name !== undefined && { name: sent.name }),
    ...(sent.environment_id !== undefined && { environment: environmentId(sent.environment_id) }),
    ...(sent.replica !== undefined && { replicas: sent.replica }),
    ...(sent.flavor_id !== undefined && { flavorId: sent.flavor_id }),
    ...(sent.refer_resources !== undefined && { referResources: readResources(sent.refer_resources) }),
  };
}

function readShared(sent: InstanceCreateWire | InstanceModifyWire): ChangeRequest {
  const { artifacts, configuration, description, external_accesses } = sent;
  const sentArtifacts = artifacts && readArtifacts(artifacts);
  return {
    label: readLabel(sent.version),
    ...(description !== undefined && { description }),
    ...(sentArtifacts && { artifacts: sentArtifacts }),
    ...(configuration && { configuration: readConfiguration(configuration) }),
    ...(external_accesses && { externalAccesses: external_accesses.map(readAccess) }),
  };
}

/** An empty map is none: the component's own source is used, as where it is absent. */
function readArtifacts(sent: NonNullable<InstanceCreateWire['artifacts']>): ChangeRequest['artifacts'] {
  const entries = Object.entries(sent);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(
    entries.map(([name, artifact]) => {
      const { storage, type, url, auth, version, properties } = artifact;
      if (type === 'image') {
        throw new Problem(
          'invalid',
          `Field "artifacts.${name}.type" is "image", which needs a container driver that this platform does not have; expected "package".`,
        );
      }
      const kept: Artifact = {
        storage,
        type,
        url,
        ...(auth !== undefined && { auth }),
        ...(version && { version }),
        ...(properties && { properties: withoutEmpty(properties) }),
      };
      assertNoCredential(kept, `artifacts.${name}`);
      return [name, kept];
    }),
  );
}

function readResources(sent: InstanceCreateWire['refer_resources']): readonly ReferResource[] {
  return sent.map(({ id, type, refer_alias, parameters }) => ({
    id,
    type,
    ...(refer_alias !== undefined && { refer_alias }),
    ...(parameters !== undefined && { parameters }),
  }));
}

export function readAction({ action, parameters }: InstanceActionWire): ActionRequest {
  switch (action) {
    case 'start':
    case 'stop':
    case 'restart':
      return { action };
    case 'scale':
      return readScale(parameters ?? {});
    case 'rollback': {
      if (parameters?.version === undefined) {
        throw new Problem(
          'invalid',
          'Field "parameters.version" is missing; "rollback" needs a version out of the snapshots.',
        );
      }
      return { action, version: readLabel(parameters.version) };
    }
    default:
      throw new Problem(
        'actionUnknown',
        `Field "action" is ${JSON.stringify(action)}; expected start, stop, restart, scale or rollback.`,
      );
  }
}

function readScale({ replica, hosts }: NonNullable<InstanceActionWire['parameters']>): ActionRequest {
  if (replica === undefined && hosts === undefined) {
    throw new Problem(
      'invalid',
      'Field "parameters.replica" is missing; "scale" needs replica, hosts or both.',
    );
  }
  return {
    action: 'scale',
    ...(replica !== undefined && { replicas: Number(replica) }),
    ...(hosts !== undefined && { hosts }),
  };
}
