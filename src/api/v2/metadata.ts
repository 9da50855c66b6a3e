import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { flavors } from '../../domain/flavor.ts';
import type { Parts } from '../parts.ts';
import { FlavorList, RuntimeList, TemplateList } from './schemas/metadata.ts';
import { errors, params } from './schemas/shared.ts';

const tags = ['Metadata'];
const inProject = params({});

export const metadataRoutes =
  ({ runtimes }: Parts): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/metadata/runtimes',
      {
        config: { permission: 'servicestage:app:list' },
        schema: {
          operationId: 'ListRuntimes',
          tags,
          params: inProject,
          response: { 200: RuntimeList, ...errors },
        },
      },
      async () => ({
        runtimes: (await runtimes()).map((runtime) => ({
          type_name: runtime.typeName,
          display_name: runtime.displayName,
          container_default_port: runtime.containerDefaultPort,
          type_desc: runtime.typeDesc,
        })),
      }),
    );

    app.get(
      '/metadata/flavors',
      {
        config: { permission: 'servicestage:app:list' },
        schema: {
          operationId: 'ListFlavors',
          tags,
          params: inProject,
          response: { 200: FlavorList, ...errors },
        },
      },
      async () => ({
        flavors: flavors.map((flavor) => ({
          flavor_id: flavor.flavorId,
          storage_size: flavor.storageSize,
          num_cpu: flavor.cpu,
          num_cpu_init: flavor.cpuInitial,
          memory_size: flavor.memory,
          memory_size_init: flavor.memoryInitial,
          label: flavor.label,
          custom: flavor.custom,
        })),
      }),
    );

    // A template is a ready-made application in a registry; none comes with the platform.
    app.get(
      '/metadata/templates',
      {
        config: { permission: 'servicestage:app:list' },
        schema: {
          operationId: 'ListTemplates',
          tags,
          params: inProject,
          response: { 200: TemplateList, ...errors },
        },
      },
      async () => ({ templates: [] }),
    );
  };
