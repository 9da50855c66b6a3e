import { existsSync } from 'node:fs';

export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Programs of util-linux, coreutils and perl that bring a replica's processes into being. */
export type Tool = 'unshare' | 'nsenter' | 'setpriv' | 'setsid' | 'mount' | 'perl';

/** All that a program of the platform's own sees, whoever it works for. */
export const PLATFORM_ENV = { PATH: SYSTEM_PATH, LC_ALL: 'C' };

export const toolPath = (name: Tool): string | undefined =>
  [`/usr/bin/${name}`, `/bin/${name}`].find((path) => existsSync(path));

export function tool(name: Tool): string {
  const path = toolPath(name);
  if (path === undefined)
    throw new Error(`"${name}" was not found on this host; install ${name === 'perl' ? name : 'util-linux'}`);
  return path;
}
