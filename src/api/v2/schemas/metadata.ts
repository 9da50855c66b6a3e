import { Type } from 'typebox';

export const RuntimeList = Type.Object(
  {
    runtimes: Type.Array(
      Type.Object(
        {
          type_name: Type.String(),
          display_name: Type.String(),
          container_default_port: Type.Integer(),
          type_desc: Type.String(),
        },
        { title: 'Runtime' },
      ),
    ),
  },
  { title: 'RuntimeList' },
);

export const FlavorList = Type.Object(
  {
    flavors: Type.Array(
      Type.Object(
        {
          flavor_id: Type.String(),
          storage_size: Type.String(),
          num_cpu: Type.String(),
          num_cpu_init: Type.String(),
          memory_size: Type.String(),
          memory_size_init: Type.String(),
          label: Type.String(),
          custom: Type.Boolean(),
        },
        { title: 'Flavor' },
      ),
    ),
  },
  { title: 'FlavorList' },
);

export const TemplateList = Type.Object(
  {
    templates: Type.Array(
      Type.Object(
        {
          template_name: Type.String(),
          template_desc: Type.String(),
          source_type: Type.String(),
          source_repo_url: Type.String(),
          runtime: Type.String(),
        },
        { title: 'Template' },
      ),
    ),
  },
  { title: 'TemplateList' },
);
