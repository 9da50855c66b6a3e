import { hostAddress, repoTypes, type RepoType } from './domain/git.ts';
import type { GitHostSettings, GitSettings } from './git/parts.ts';

const members = ['host', 'client_id', 'client_secret', 'redirect_uri'] as const;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The file's `git`: per type of host where it is, and what this platform is registered as there. Throws an Error whose
 * message names the member and what was expected.
 */
export function readGitSettings(section: unknown): GitSettings {
  if (section === undefined || section === null) return {};
  if (!isRecord(section)) throw new Error('git must map a type of host, such as "gitlab", to its settings');
  return Object.fromEntries(
    Object.entries(section).map(([name, value]) => {
      const type = repoTypes.find((known) => known === name);
      if (!type) throw new Error(`git.${name} is no type of host; expected one of ${repoTypes.join(', ')}`);
      return [type, readHost(type, value)];
    }),
  );
}

function readHost(type: RepoType, value: unknown): GitHostSettings {
  if (!isRecord(value)) throw new Error(`git.${type} must hold ${members.join(', ')}`);
  const odd = Object.keys(value).find((name) => !members.some((known) => known === name));
  if (odd !== undefined) throw new Error(`git.${type}.${odd} is not known; expected ${members.join(', ')}`);
  const text = (name: (typeof members)[number]) => {
    const given = value[name];
    return given === undefined || given === null ? '' : String(given);
  };
  const [clientId, clientSecret, redirectUri] = [
    text('client_id'),
    text('client_secret'),
    text('redirect_uri'),
  ];
  if ((clientId === '') !== (clientSecret === ''))
    throw new Error(`git.${type} needs both client_id and client_secret, or neither`);
  return {
    ...(text('host') !== '' && { host: hostAddress(text('host')) }),
    ...(clientId !== '' && {
      app: { clientId, clientSecret, ...(redirectUri !== '' && { redirectUri }) },
    }),
  };
}
