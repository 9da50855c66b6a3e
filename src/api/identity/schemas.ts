import { Type, type Static } from 'typebox';

const Text = Type.String({ maxLength: 256, description: 'text of at most 256 characters' });

const DomainName = Type.Object(
  { id: Type.Optional(Text), name: Type.Optional(Text) },
  { description: 'an object {name} or {id}' },
);

export const TokenRequest = Type.Object(
  {
    auth: Type.Object(
      {
        identity: Type.Object(
          {
            methods: Type.Array(Type.String({ maxLength: 64 }), {
              maxItems: 10,
              description: 'a list such as ["password"]',
            }),
            password: Type.Optional(
              Type.Object(
                {
                  user: Type.Object(
                    {
                      id: Type.Optional(Text),
                      name: Type.Optional(Text),
                      domain: Type.Optional(DomainName),
                      password: Type.String({ maxLength: 1024, description: 'the password' }),
                    },
                    { description: 'an object {name, domain, password} or {id, password}' },
                  ),
                },
                { description: 'an object {user}' },
              ),
            ),
          },
          { description: 'an object {methods, password}' },
        ),
        scope: Type.Optional(
          Type.Object(
            {
              project: Type.Optional(
                Type.Object(
                  { id: Type.Optional(Text), name: Type.Optional(Text), domain: Type.Optional(DomainName) },
                  { description: 'an object {name} or {id}' },
                ),
              ),
              domain: Type.Optional(DomainName),
            },
            { description: 'an object {project} or {domain}' },
          ),
        ),
      },
      { description: 'an object {identity, scope}' },
    ),
  },
  { title: 'TokenRequest' },
);

const Reference = Type.Object({ id: Type.String(), name: Type.String() });
const Moment = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z$' });

const Endpoint = Type.Object({
  id: Type.String(),
  interface: Type.String(),
  region: Type.String(),
  region_id: Type.String(),
  url: Type.String(),
});

export const Token = Type.Object(
  {
    token: Type.Object({
      methods: Type.Array(Type.String()),
      expires_at: Moment,
      issued_at: Moment,
      user: Type.Object({
        id: Type.String(),
        name: Type.String(),
        domain: Reference,
        password_expires_at: Type.String(),
      }),
      project: Type.Optional(Type.Object({ id: Type.String(), name: Type.String(), domain: Reference })),
      domain: Type.Optional(Reference),
      roles: Type.Array(Reference),
      catalog: Type.Array(
        Type.Object({
          id: Type.String(),
          name: Type.String(),
          type: Type.String(),
          endpoints: Type.Array(Endpoint),
        }),
      ),
    }),
  },
  { title: 'Token' },
);

const Links = Type.Object({ self: Type.String(), previous: Type.Null(), next: Type.Null() });
const Self = Type.Object({ self: Type.String() });

export const Project = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    description: Type.String(),
    enabled: Type.Boolean(),
    domain_id: Type.String(),
    parent_id: Type.String(),
    is_domain: Type.Boolean(),
    links: Self,
  },
  { title: 'Project' },
);
export const ProjectList = Type.Object(
  { projects: Type.Array(Project), links: Links },
  { title: 'ProjectList' },
);
export const ProjectDetail = Type.Object({ project: Project }, { title: 'ProjectDetail' });

export const DomainList = Type.Object(
  {
    domains: Type.Array(
      Type.Object({
        id: Type.String(),
        name: Type.String(),
        description: Type.String(),
        enabled: Type.Boolean(),
        links: Self,
      }),
    ),
    links: Links,
  },
  { title: 'DomainList' },
);

const Region = Type.Object(
  {
    id: Type.String(),
    type: Type.String(),
    description: Type.String(),
    parent_region_id: Type.Null(),
    links: Self,
    locales: Type.Object({ 'en-us': Type.String(), 'zh-cn': Type.String() }),
  },
  { title: 'Region' },
);
export const RegionList = Type.Object({ regions: Type.Array(Region), links: Links }, { title: 'RegionList' });

const KeystoneError = Type.Object(
  { error: Type.Object({ code: Type.Integer(), message: Type.String(), title: Type.String() }) },
  { title: 'KeystoneError' },
);
export const keystoneErrors = {
  400: KeystoneError,
  401: KeystoneError,
  403: KeystoneError,
  404: KeystoneError,
  429: KeystoneError,
  503: KeystoneError,
};

export type TokenRequestWire = Static<typeof TokenRequest>;
export type TokenWire = Static<typeof Token>;
export type ProjectWire = Static<typeof Project>;
export type RegionWire = Static<typeof Region>;
