import type { EnvironmentRequest } from '../../actions/environments.ts';
import type { Resource } from '../../domain/resource.ts';
import type { Environment } from '../../store/environments.ts';
import type { EnvironmentWire, ResourceInputWire } from './schemas/environment.ts';

/** Types are lower case on the wire and taken in any. */
export const readResources = (sent: readonly ResourceInputWire[] | undefined): readonly Resource[] =>
  (sent ?? []).map(({ id, type, name }) => ({
    id,
    type: type.toLowerCase(),
    ...(name !== undefined && { name }),
  }));

const resourceWire = ({ id, type, name }: Resource) => ({ id, name: name ?? null, type });

export const environmentWire = (environment: Environment): EnvironmentWire => ({
  id: environment.id,
  name: environment.name,
  alias: environment.alias ?? null,
  description: environment.description ?? null,
  project_id: environment.project,
  enterprise_project_id: environment.enterpriseProjectId,
  charge_mode: environment.chargeMode,
  deploy_mode: environment.deployMode,
  vpc_id: environment.vpcId,
  base_resources: environment.baseResources.map(resourceWire),
  optional_resources: environment.optionalResources.map(resourceWire),
  creator: environment.creator,
  create_time: environment.createTime,
  update_time: environment.updateTime,
});

/** Only the texts that were sent. */
export const readTexts = (sent: {
  readonly name?: string;
  readonly alias?: string;
  readonly description?: string;
}) =>
  ({
    ...(sent.name !== undefined && { name: sent.name }),
    ...(sent.alias !== undefined && { alias: sent.alias }),
    ...(sent.description !== undefined && { description: sent.description }),
  }) satisfies Partial<EnvironmentRequest>;
