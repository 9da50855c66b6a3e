/** What an application is part of; applications and agents that know the original find themselves by these. */
export interface Surroundings {
  readonly application: { readonly id: string; readonly name: string };
  readonly component: { readonly name: string };
  readonly environment: { readonly id: string; readonly name: string };
  readonly instance: { readonly id: string };
  /** The label of the release. */
  readonly version: string;
}

const variables = {
  CAS_APPLICATION_ID: ({ application }) => application.id,
  CAS_APPLICATION_NAME: ({ application }) => application.name,
  CAS_COMPONENT_NAME: ({ component }) => component.name,
  CAS_ENVIRONMENT_ID: ({ environment }) => environment.id,
  CAS_ENVIRONMENT_NAME: ({ environment }) => environment.name,
  CAS_INSTANCE_ID: ({ instance }) => instance.id,
  CAS_INSTANCE_VERSION: ({ version }) => version,
} satisfies Readonly<Record<string, (of: Surroundings) => string>>;

/** Given to every application; a value of the user's own wins. */
export const platformVariables = (of: Surroundings): readonly (readonly [name: string, value: string])[] =>
  Object.entries(variables).map(([name, read]) => [name, read(of)]);

/** Told in clear where variables are shown: they are no secret of the operator's. */
export const isPlatformVariable = (name: string): boolean => Object.hasOwn(variables, name);
