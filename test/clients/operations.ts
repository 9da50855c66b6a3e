const cas = '/v2/{project_id}/cas';
const application = `${cas}/applications/{application_id}`;
const component = `${application}/components/{component_id}`;
const instance = `${component}/instances/{instance_id}`;
const environment = `${cas}/environments/{environment_id}`;
const git = '/v1/{project_id}/git';
const repository = `${git}/repos/{namespace}/{project}`;
const file = `${git}/files/{namespace}/{project}/{path}`;

/**
 * Every operation by the name that the official clients give it, written down apart from the platform's own schemas.
 * The two that no client has as a method go through the client that takes any path.
 */
export const operations = {
  CreateApplication: ['POST', `${cas}/applications`],
  ListApplications: ['GET', `${cas}/applications`],
  ShowApplicationDetail: ['GET', application],
  ChangeApplication: ['PUT', application],
  DeleteApplication: ['DELETE', application],
  ShowApplicationConfiguration: ['GET', `${application}/configuration`],
  ChangeApplicationConfiguration: ['PUT', `${application}/configuration`],
  DeleteApplicationConfiguration: ['DELETE', `${application}/configuration`],
  CreateApplicationTags: ['POST', `${application}/tags/create`],
  CreateComponent: ['POST', `${application}/components`],
  ListComponents: ['GET', `${application}/components`],
  ListComponentOverviews: ['GET', `${application}/components/overviews`],
  ShowComponentDetail: ['GET', component],
  ChangeComponent: ['PUT', component],
  DeleteComponent: ['DELETE', component],
  CreateInstance: ['POST', `${component}/instances`],
  ListInstances: ['GET', `${component}/instances`],
  ShowInstanceDetail: ['GET', instance],
  ChangeInstance: ['PUT', instance],
  DeleteInstance: ['DELETE', instance],
  UpdateInstanceAction: ['POST', `${instance}/action`],
  ListInstanceSnapshots: ['GET', `${instance}/snapshots`],
  ShowJobDetail: ['GET', `${cas}/jobs/{job_id}`],
  CreateEnvironment: ['POST', `${cas}/environments`],
  ListEnvironments: ['GET', `${cas}/environments`],
  ShowEnvironmentDetail: ['GET', environment],
  ChangeEnvironment: ['PUT', environment],
  DeleteEnvironment: ['DELETE', environment],
  ChangeResourceInEnvironment: ['PATCH', `${environment}/resources`],
  CreateEnvironmentTags: ['POST', `${environment}/tags/create`],
  ListRuntimes: ['GET', `${cas}/metadata/runtimes`],
  ListFlavors: ['GET', `${cas}/metadata/flavors`],
  ListTemplates: ['GET', `${cas}/metadata/templates`],
  ListAuthorizations: ['GET', `${git}/auths`],
  ShowRedirectUrl: ['GET', `${git}/auths/{repo_type}/redirect`],
  CreateOAuth: ['POST', `${git}/auths/{repo_type}/oauth`],
  CreatePasswordAuth: ['POST', `${git}/auths/{repo_type}/password`],
  CreatePersonalAuth: ['POST', `${git}/auths/{repo_type}/personal`],
  DeleteAuthorize: ['DELETE', `${git}/auths/{name}`],
  ListNamespaces: ['GET', `${git}/repos/namespaces`],
  ShowProjectDetail: ['GET', `${git}/repos/project-info`],
  ListProjects: ['GET', `${git}/repos/{namespace}/projects`],
  CreateProject: ['POST', `${git}/repos/{namespace}/projects`],
  ListBranches: ['GET', `${repository}/branches`],
  ListTags: ['GET', `${repository}/tags`],
  CreateTag: ['POST', `${repository}/tags`],
  DeleteTag: ['DELETE', `${repository}/tags/{tag_name}`],
  ListCommits: ['GET', `${repository}/commits`],
  ListHooks: ['GET', `${repository}/hooks`],
  CreateHook: ['POST', `${repository}/hooks`],
  DeleteHook: ['DELETE', `${repository}/hooks/{hook_id}`],
  ListTrees: ['GET', `${git}/files/{namespace}/{project}/trees`],
  ShowContent: ['GET', file],
  CreateFile: ['POST', file],
  UpdateFile: ['PUT', file],
  DeleteFile: ['DELETE', file],
} as const satisfies Record<string, readonly [method: string, path: string]>;

export type Operation = keyof typeof operations;

const isOperation = (name: string): name is Operation => name in operations;
export const operationNames: readonly Operation[] = Object.keys(operations).filter(isOperation);

/** In no client as a method: the pages of the vendor alone have them. */
export const methodless: readonly Operation[] = ['CreateApplicationTags', 'CreateEnvironmentTags'];

/** Those that need a git server. */
export const gitOperations = operationNames.filter((name) => operations[name][1].startsWith(git));
