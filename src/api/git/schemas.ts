import { Type, type Static } from 'typebox';
import { errors, Id, OptionalText, params, Time } from '../v2/schemas/shared.ts';

export { errors, params };

const text = (most: number, what = `text of at most ${most} characters`) =>
  Type.String({ minLength: 1, maxLength: most, description: what });

export const AuthName = Type.String({
  minLength: 1,
  maxLength: 63,
  pattern: '^[A-Za-z0-9_.-]+$',
  description: '1-63 letters, digits, _, . or -',
});
const Secret = text(4096, 'text of 1-4096 characters');
const Host = Type.String({ maxLength: 1024, description: 'the base address of the host' });

export const PersonalAuthCreate = Type.Object(
  { name: AuthName, token: Secret, host: Type.Optional(Host) },
  { title: 'PersonalAuthCreate' },
);

/** Either user and password, or token, which is base64 of user:password; routes hold bodies to it. */
export const PasswordAuthCreate = Type.Object(
  {
    name: AuthName,
    user: Type.Optional(text(256)),
    password: Type.Optional(Secret),
    token: Type.Optional(Secret),
    host: Type.Optional(Host),
  },
  { title: 'PasswordAuthCreate' },
);

export const OAuthCreate = Type.Object(
  { name: AuthName, code: text(2048), state: text(512) },
  { title: 'OAuthCreate' },
);

const authorization = {
  name: Type.String(),
  repo_type: Type.String({ description: 'in lower case' }),
  repo_host: Type.String(),
  repo_home: Type.String(),
  repo_user: Type.String(),
  avartar: Type.String({ description: 'spelt so' }),
  token_type: Type.Enum(['oauth', 'personal', 'password']),
  create_time: Time,
  update_time: Time,
  status: Type.Integer({ description: '0 normal, 1 overdue, 2 unauthenticated' }),
};

export const AuthorizationResult = Type.Object(
  { authorization: Type.Object(authorization, { title: 'GitAuthorization' }) },
  { title: 'GitAuthorizationResult' },
);
export const AuthorizationList = Type.Object(
  {
    authorizations: Type.Array(
      Type.Object({ ...authorization, tag: OptionalText }, { title: 'GitAuthorizationView' }),
    ),
    count: Type.Integer(),
  },
  { title: 'GitAuthorizationList' },
);
export const RedirectUrl = Type.Object({ url: Type.String() }, { title: 'GitRedirectUrl' });

const Named = Type.Object({ id: Type.String(), name: Type.String() }, { title: 'GitNamespace' });
export const NamespaceList = Type.Object({ namespaces: Type.Array(Named) }, { title: 'GitNamespaceList' });
export const Project = Type.Object(
  { id: Type.String(), name: Type.String(), clone_url: Type.String() },
  { title: 'GitProject' },
);
export const ProjectList = Type.Object({ projects: Type.Array(Project) }, { title: 'GitProjectList' });
export const ProjectCreate = Type.Object({ name: text(256) }, { title: 'GitProjectCreate' });
export const ProjectDetail = Type.Object(
  {
    namespace_id: Type.String(),
    namespace: Type.String(),
    project_id: Type.String(),
    project: Type.String(),
  },
  { title: 'GitProjectDetail' },
);
export const BranchList = Type.Object({ branches: Type.Array(Type.String()) }, { title: 'GitBranchList' });
export const TagList = Type.Object({ tags: Type.Array(Type.String()) }, { title: 'GitTagList' });
export const TagCreate = Type.Object(
  {
    name: text(256),
    description: Type.Optional(
      Type.String({ maxLength: 65_536, description: 'text of at most 65536 characters' }),
    ),
  },
  { title: 'GitTagCreate' },
);
export const Tag = Type.Object({ name: Type.String() }, { title: 'GitTag' });
export const CommitList = Type.Object(
  {
    commits: Type.Array(
      Type.Object(
        { sha: Type.String(), message: Type.String(), authored_date: Type.String() },
        { title: 'GitCommit' },
      ),
    ),
  },
  { title: 'GitCommitList' },
);
export const Hook = Type.Object(
  { id: Type.String(), type: Type.String(), callback_url: Type.String() },
  { title: 'GitHook' },
);
export const HookList = Type.Object({ hooks: Type.Array(Hook) }, { title: 'GitHookList' });
export const HookCreate = Type.Object({ url: text(2048), secret: Secret }, { title: 'GitHookCreate' });

export const TreePaths = Type.Object({ paths: Type.Array(Type.String()) }, { title: 'GitTree' });
export const FileContent = Type.Object(
  {
    path: Type.String(),
    sha: Type.String({ description: 'what PUT and DELETE of this file take' }),
    encoding: Type.String(),
    content: Type.String(),
  },
  { title: 'GitFileContent' },
);
export const FilePath = Type.Object({ path: Type.String() }, { title: 'GitFilePath' });
const Content = Type.String({
  pattern: '^[A-Za-z0-9+/_\\s-]*={0,2}\\s*$',
  description: 'base64',
});
const Message = text(65_536);
export const FileCreate = Type.Object({ message: Message, content: Content }, { title: 'GitFileCreate' });
export const FileUpdate = Type.Object(
  { message: Message, content: Content, sha: text(128) },
  { title: 'GitFileUpdate' },
);

export const AuthHeader = Type.Object({
  'x-repo-auth': Type.Optional(Type.String({ description: 'name of an authorization' })),
});
export const ofType = params({ repo_type: Id });
export const ofRepository = params({ namespace: Id, project: Id });
export const TagQuery = Type.Object({
  tag: Type.Optional(Type.String({ description: 'a label of the site, such as intl' })),
});
export const RefQuery = Type.Object({
  ref: Type.Optional(Type.String({ description: 'branch, tag or commit' })),
});

export type AuthorizationWire = Static<typeof AuthorizationResult>['authorization'];
