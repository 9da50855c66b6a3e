import type { UserRequest } from '../../actions/users.ts';
import type { User } from '../../store/users.ts';
import { moment } from './moment.ts';
import type { FullUserWire, UserModifyWire, UserWire } from './schemas/user.ts';

export function readUser(sent: UserModifyWire): UserRequest {
  const { name, password, enabled, description, default_project_id, email, areacode, phone, access_mode } =
    sent;
  return {
    ...(name !== undefined && { name }),
    ...(password !== undefined && { password }),
    ...(enabled !== undefined && { isEnabled: enabled }),
    details: {
      ...(description !== undefined && { description }),
      ...(default_project_id !== undefined && { defaultProject: default_project_id }),
      ...(email !== undefined && { email }),
      ...(areacode !== undefined && { areaCode: areacode }),
      ...(phone !== undefined && { phone }),
      ...(access_mode !== undefined && { accessMode: access_mode }),
    },
  };
}

export const userWire = ({ id, name, domain, isEnabled, details }: User, origin: string): UserWire => ({
  id,
  name,
  domain_id: domain,
  enabled: isEnabled,
  description: details.description ?? '',
  password_expires_at: null,
  pwd_status: true,
  default_project_id: details.defaultProject ?? '',
  last_project_id: '',
  links: { self: `${origin}/v3/users/${id}` },
});

export const fullUserWire = (user: User, origin: string): FullUserWire => ({
  ...userWire(user, origin),
  email: user.details.email ?? '',
  areacode: user.details.areaCode ?? '',
  phone: user.details.phone ?? '',
  access_mode: user.details.accessMode ?? 'default',
  is_domain_owner: false,
  xuser_id: '',
  xuser_type: '',
  xdomain_id: '',
  xdomain_type: '',
  create_time: moment(user.createTime),
});
