import { Type, type Static } from 'typebox';

const Text = Type.String({ maxLength: 256, description: 'text of at most 256 characters' });
const Secret = Type.String({ maxLength: 1024, description: 'text of at most 1024 characters' });
/** Of other clouds too, whose tokens are several KB long. */
const TokenText = Type.String({ maxLength: 16_384, description: 'a token' });

const DomainName = Type.Object(
  { id: Type.Optional(Text), name: Type.Optional(Text) },
  { description: 'an object {name} or {id}' },
);

const KeyText = Type.Object({ key: Secret }, { description: 'an object {key}' });

const ByPassword = Type.Object(
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
);

const ByToken = Type.Object({ id: Type.Optional(TokenText) }, { description: 'an object {id}' });

const ByKey = Type.Object(
  { access: KeyText, secret: KeyText, security_token: Type.Optional(Type.Object({ key: TokenText })) },
  { description: 'an object {access, secret}' },
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
            password: Type.Optional(ByPassword),
            token: Type.Optional(ByToken),
            hw_ak_sk: Type.Optional(ByKey),
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
export const Moment = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z$' });

const TokenEndpoint = Type.Object({
  id: Type.String(),
  interface: Type.String(),
  region: Type.String(),
  region_id: Type.String(),
  url: Type.String(),
});

export const Catalog = Type.Array(
  Type.Object({
    id: Type.String(),
    name: Type.String(),
    type: Type.String(),
    endpoints: Type.Array(TokenEndpoint),
  }),
);

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
      catalog: Catalog,
    }),
  },
  { title: 'Token' },
);

export type TokenRequestWire = Static<typeof TokenRequest>;
export type TokenWire = Static<typeof Token>;
export type CatalogWire = Static<typeof Catalog>;
