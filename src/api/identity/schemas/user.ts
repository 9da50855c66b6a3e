import { Type, type Static } from 'typebox';
import { Links, Self } from './shared.ts';

const members = {
  id: Type.String(),
  name: Type.String(),
  domain_id: Type.String(),
  enabled: Type.Boolean(),
  description: Type.String(),
  password_expires_at: Type.Null(),
  pwd_status: Type.Boolean(),
  default_project_id: Type.String(),
  last_project_id: Type.String(),
  links: Self,
};
const User = Type.Object(members, { title: 'User' });
export const UserList = Type.Object({ users: Type.Array(User), links: Links }, { title: 'UserList' });
export const UserDetail = Type.Object({ user: User }, { title: 'UserDetail' });

/** The form below /v3.0, which tells more. */
const FullUser = Type.Object(
  {
    ...members,
    email: Type.String(),
    areacode: Type.String(),
    phone: Type.String(),
    access_mode: Type.String(),
    is_domain_owner: Type.Boolean(),
    xuser_id: Type.String(),
    xuser_type: Type.String(),
    xdomain_id: Type.String(),
    xdomain_type: Type.String(),
    create_time: Type.String(),
  },
  { title: 'FullUser' },
);
export const FullUserDetail = Type.Object({ user: FullUser }, { title: 'FullUserDetail' });

const text = (most: number) =>
  Type.Optional(Type.String({ maxLength: most, description: `text of at most ${most} characters` }));

const Name = Type.String({
  minLength: 1,
  maxLength: 64,
  pattern: '^[A-Za-z0-9_ @.-]+$',
  description: '1-64 letters, digits, blanks, _, -, . or @',
});

const changes = {
  password: Type.Optional(Type.String({ minLength: 8, maxLength: 1024, description: '8-1024 characters' })),
  enabled: Type.Optional(Type.Boolean()),
  description: text(255),
  default_project_id: text(64),
  email: text(255),
  areacode: text(16),
  phone: text(32),
  access_mode: text(16),
};

export const UserCreate = Type.Object(
  {
    user: Type.Object(
      { name: Name, domain_id: text(64), ...changes },
      { description: 'an object {name, password}' },
    ),
  },
  { title: 'UserCreate' },
);
export const UserModify = Type.Object(
  {
    user: Type.Object(
      { name: Type.Optional(Name), ...changes },
      { description: 'an object of what is to be changed' },
    ),
  },
  { title: 'UserModify' },
);
export const PasswordModify = Type.Object(
  {
    user: Type.Object(
      {
        password: Type.String({
          minLength: 8,
          maxLength: 1024,
          description: 'the new password, 8-1024 characters',
        }),
        original_password: Type.String({ maxLength: 1024, description: 'the password until now' }),
      },
      { description: 'an object {password, original_password}' },
    ),
  },
  { title: 'PasswordModify' },
);

export type UserWire = Static<typeof User>;
export type FullUserWire = Static<typeof FullUser>;
export type UserModifyWire = Static<typeof UserModify>['user'];
