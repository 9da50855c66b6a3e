import { Type } from 'typebox';

/** Ids of users, projects and domains are 32 hex digits; any text is looked up. */
export const Id = Type.String({ description: 'an id' });

export const Links = Type.Object({
  self: Type.String(),
  previous: Type.Union([Type.String(), Type.Null()]),
  next: Type.Union([Type.String(), Type.Null()]),
});
export const Self = Type.Object({ self: Type.String() });

/** Below /v3. */
const KeystoneError = Type.Object(
  { error: Type.Object({ code: Type.Integer(), message: Type.String(), title: Type.String() }) },
  { title: 'KeystoneError' },
);
export const keystoneErrors = {
  400: KeystoneError,
  401: KeystoneError,
  403: KeystoneError,
  404: KeystoneError,
  409: KeystoneError,
  429: KeystoneError,
  503: KeystoneError,
};

/** Below /v3.0. */
const IdentityError = Type.Object(
  { error_code: Type.String(), error_msg: Type.String(), request_id: Type.String() },
  { title: 'IdentityError' },
);
export const identityErrors = {
  400: IdentityError,
  401: IdentityError,
  403: IdentityError,
  404: IdentityError,
  503: IdentityError,
};
