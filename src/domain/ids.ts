/** Ids are branded text, so that one kind cannot be passed for another. The constructors are the only casts. */
declare const brand: unique symbol;
type Id<Name extends string> = string & { readonly [brand]: Name };

export type DomainId = Id<'domain'>;
export type ProjectId = Id<'project'>;
export type UserId = Id<'user'>;
export type ApplicationId = Id<'application'>;
export type ComponentId = Id<'component'>;
export type EnvironmentId = Id<'environment'>;
export type InstanceId = Id<'instance'>;
export type ReleaseId = Id<'release'>;
export type HostId = Id<'host'>;
export type JobId = Id<'job'>;
export type TaskId = Id<'task'>;
/** Lower-case hex SHA-256 of an artifact's bytes. */
export type Digest = Id<'digest'>;
/** Names a build's directory: the hash of everything that went into it. */
export type BuildKey = Id<'build'>;

export const domainId = (text: string) => text as DomainId;
export const projectId = (text: string) => text as ProjectId;
export const userId = (text: string) => text as UserId;
export const applicationId = (text: string) => text as ApplicationId;
export const componentId = (text: string) => text as ComponentId;
export const environmentId = (text: string) => text as EnvironmentId;
export const instanceId = (text: string) => text as InstanceId;
export const releaseId = (text: string) => text as ReleaseId;
export const hostId = (text: string) => text as HostId;
export const jobId = (text: string) => text as JobId;
export const taskId = (text: string) => text as TaskId;
export const digest = (text: string) => text as Digest;
export const buildKey = (text: string) => text as BuildKey;
