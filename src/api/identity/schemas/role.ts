import { Type, type Static } from 'typebox';
import { Links, Self } from './shared.ts';

const Role = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    display_name: Type.String(),
    description: Type.String(),
    domain_id: Type.Null(),
    permissions: Type.Array(Type.String(), { description: 'what the role allows' }),
    links: Self,
  },
  { title: 'Role' },
);
export const RoleList = Type.Object({ roles: Type.Array(Role), links: Links }, { title: 'RoleList' });
export const RoleDetail = Type.Object({ role: Role }, { title: 'RoleDetail' });

export type RoleWire = Static<typeof Role>;
