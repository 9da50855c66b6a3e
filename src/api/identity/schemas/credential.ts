import { Type, type Static } from 'typebox';
import { Moment } from './token.ts';
import { Id } from './shared.ts';

const Status = Type.Union([Type.Literal('active'), Type.Literal('inactive')], {
  description: 'active or inactive',
});
const Description = Type.String({ maxLength: 255, description: 'text of at most 255 characters' });

const members = {
  access: Type.String(),
  status: Status,
  user_id: Type.String(),
  create_time: Moment,
  description: Type.String(),
};
const Credential = Type.Object(members, { title: 'Credential' });
export const CredentialList = Type.Object(
  { credentials: Type.Array(Credential) },
  { title: 'CredentialList' },
);
export const CredentialDetail = Type.Object(
  {
    credential: Type.Object({ ...members, last_use_time: Type.Optional(Type.String()) }),
  },
  { title: 'CredentialDetail' },
);
export const CredentialCreated = Type.Object(
  { credential: Type.Object({ ...members, secret: Type.String() }) },
  { title: 'CredentialCreated' },
);

export const CredentialCreate = Type.Object(
  {
    credential: Type.Object(
      { user_id: Type.Optional(Id), description: Type.Optional(Description) },
      { description: 'an object {user_id, description}' },
    ),
  },
  { title: 'CredentialCreate' },
);
export const CredentialModify = Type.Object(
  {
    credential: Type.Object(
      { status: Type.Optional(Status), description: Type.Optional(Description) },
      { description: 'an object {status, description}' },
    ),
  },
  { title: 'CredentialModify' },
);

const Duration = Type.Optional(
  Type.Integer({ minimum: 900, maximum: 86_400, description: 'a whole number of seconds from 900 to 86400' }),
);

export const SecurityTokenCreate = Type.Object(
  {
    auth: Type.Object(
      {
        identity: Type.Object(
          {
            methods: Type.Array(Type.String({ maxLength: 64 }), {
              maxItems: 10,
              description: 'a list such as ["token"]',
            }),
            token: Type.Optional(
              Type.Object(
                { id: Type.Optional(Type.String({ maxLength: 16_384 })), duration_seconds: Duration },
                { description: 'an object {id, duration_seconds}' },
              ),
            ),
            policy: Type.Optional(Type.Unknown()),
          },
          { description: 'an object {methods, token}' },
        ),
      },
      { description: 'an object {identity}' },
    ),
  },
  { title: 'SecurityTokenCreate' },
);
export const SecurityToken = Type.Object(
  {
    credential: Type.Object({
      access: Type.String(),
      secret: Type.String(),
      securitytoken: Type.String(),
      expires_at: Moment,
    }),
  },
  { title: 'SecurityToken' },
);

export type CredentialWire = Static<typeof Credential>;
