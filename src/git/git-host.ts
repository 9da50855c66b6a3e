/** Of what the contract does not page: as many as it lists at most. */
export const MOST_RECORDS = 1000;
/** The newest; the contract's list has no pages. */
export const MOST_COMMITS = 100;

export interface Account {
  readonly userName: string;
  /** The user's page. */
  readonly home: string;
  /** Address of a picture; may be empty. */
  readonly avatar: string;
}

export interface Named {
  readonly id: string;
  readonly name: string;
}

export interface Project extends Named {
  readonly cloneUrl: string;
}

export interface ProjectDetail {
  readonly namespace: Named;
  readonly project: Named;
  readonly cloneUrl: string;
}

/** Id or name of each, as any answer of the same host gave them. */
export interface Repository {
  readonly namespace: string;
  readonly project: string;
}

export interface Commit {
  readonly sha: string;
  readonly message: string;
  /** As the host writes it, with its zone. */
  readonly authoredDate: string;
}

export interface Hook {
  readonly id: string;
  readonly callbackUrl: string;
}

export interface FileContent {
  readonly path: string;
  /** What a change or a deletion of the file must name. */
  readonly sha: string;
  /** base64 */
  readonly content: string;
}

/** A file to be written at the head of a branch. */
export interface Edit {
  readonly path: string;
  readonly branch: string;
  readonly message: string;
}

/**
 * A repository host, opened with one credential. What fails is a Problem: `gitUnknown` where something named is not
 * there, `gitAuthInvalid` where the host does not take the credential, `gitNameTaken`, else `gitInvalid`.
 */
export interface GitHost {
  account(): Promise<Account>;
  namespaces(): Promise<readonly Named[]>;
  /** By its path below the host: "shop/cart". */
  findProject(path: string): Promise<ProjectDetail>;
  project(repository: Repository): Promise<ProjectDetail>;
  projects(namespace: string): Promise<readonly Project[]>;
  createProject(namespace: string, name: string): Promise<Project>;
  branches(repository: Repository): Promise<readonly string[]>;
  tags(repository: Repository): Promise<readonly string[]>;
  createTag(
    repository: Repository,
    tag: { readonly name: string; readonly ref: string; readonly description: string },
  ): Promise<void>;
  deleteTag(repository: Repository, name: string): Promise<void>;
  commits(repository: Repository, ref?: string): Promise<readonly Commit[]>;
  hooks(repository: Repository): Promise<readonly Hook[]>;
  createHook(repository: Repository, hook: { readonly url: string; readonly secret: string }): Promise<Hook>;
  deleteHook(repository: Repository, id: string): Promise<void>;
  /** Paths of files, not of directories. */
  tree(repository: Repository, ref: string): Promise<readonly string[]>;
  file(repository: Repository, path: string, ref: string): Promise<FileContent>;
  createFile(repository: Repository, edit: Edit, content: string): Promise<void>;
  updateFile(repository: Repository, edit: Edit, change: { content: string; sha: string }): Promise<void>;
  deleteFile(repository: Repository, edit: Edit, sha: string): Promise<void>;
}
