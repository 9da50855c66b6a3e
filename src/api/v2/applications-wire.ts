import type { Application, ApplicationConfiguration } from '../../store/applications.ts';
import type { ShowValue } from '../shown-values.ts';
import type {
  ApplicationConfigurationWire,
  ApplicationViewWire,
  ApplicationWire,
} from './schemas/application.ts';

export const applicationWire = (application: Application): ApplicationWire => ({
  id: application.id,
  name: application.name,
  description: application.description ?? null,
  creator: application.creator,
  project_id: application.project,
  enterprise_project_id: application.enterpriseProjectId,
  create_time: application.createTime,
  update_time: application.updateTime,
  unified_model: null,
});

export const applicationViewWire = (application: Application): ApplicationViewWire => ({
  ...applicationWire(application),
  component_count: application.componentCount,
});

export const configurationWire = (
  show: ShowValue,
  { application, environment, env }: Pick<ApplicationConfiguration, 'application' | 'environment' | 'env'>,
): ApplicationConfigurationWire => ({
  application_id: application,
  environment_id: environment,
  configuration: { env: env.map(({ name, value }) => ({ name, value: show(value) })) },
});
