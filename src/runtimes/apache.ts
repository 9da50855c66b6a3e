import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LaunchFile } from '../domain/launch.ts';
import { ask, isAtLeast } from './ask-version.ts';
import { isDirectory, isFile } from './host-files.ts';
import type { Executable } from './runtime.ts';

export const apache: Executable = {
  name: 'apache',
  settings: ['OPENSTAGE_APACHE'],
  places: () => ['/usr/sbin/apache2', '/usr/sbin/httpd', '/usr/local/apache2/bin/httpd'],
  commands: ['apache2', 'httpd'],
  async probe(path) {
    const version = /Apache\/(\d+\.\d+\.\d+)/.exec((await ask(path, '-v')) ?? '')?.[1];
    return version !== undefined && isAtLeast(version, '2.4')
      ? { path, version: `Apache ${version}` }
      : undefined;
  },
};

/** PHP as a module of Apache. It lies with Apache's other modules, and only it can tell its own version. */
export const modPhp: Executable = {
  name: 'mod_php',
  settings: [],
  places: () => [
    '/usr/lib/apache2/modules',
    '/usr/lib64/httpd/modules',
    '/usr/lib/httpd/modules',
    '/usr/local/apache2/modules',
  ],
  commands: [],
  async probe(path) {
    if (!(await isDirectory(path)) || !(await isFile(join(path, 'mod_mpm_prefork.so')))) return undefined;
    const module = (await readdir(path))
      .filter((name) => /^libphp[\d.]*\.so$/.test(name))
      .sort()
      .at(-1);
    if (module === undefined) return undefined;
    const content = await readFile(join(path, module), 'latin1');
    const version = /X-Powered-By: PHP\/(\d+\.\d+\.\d+)/.exec(content)?.[1];
    if (version === undefined || !isAtLeast(version, '7')) return undefined;
    return { path: join(path, module), version: `PHP ${version}` };
  },
};

/** What PHP applications count on, as far as it is installed. */
const MODULES = [
  'unixd',
  'log_config',
  'mpm_prefork',
  'authz_core',
  'authz_host',
  'dir',
  'mime',
  'env',
  'setenvif',
  'headers',
  'rewrite',
  'expires',
  'deflate',
  'filter',
  'alias',
  'remoteip',
];
const MIME_TYPES = ['/etc/mime.types', '/etc/httpd/conf/mime.types', '/usr/local/apache2/conf/mime.types'];

/** Each process serves one connection, as PHP needs it. */
const PROCESSES_MOST = 64;

/**
 * A configuration of its own per replica, for an unprivileged user: nothing of the host's Apache is read or written.
 * The log goes through `cat`, because the replica's log file belongs to the supervisor and cannot be opened again by
 * name; it outlives SIGTERM until Apache closes it, so that the last lines arrive.
 */
export async function apacheFiles(documents: string, phpModule: string): Promise<readonly LaunchFile[]> {
  const directory = dirname(phpModule);
  const loads: string[] = [];
  for (const name of MODULES) {
    const file = join(directory, `mod_${name}.so`);
    if (!(await isFile(file))) continue;
    loads.push(`<IfModule !mod_${name}.c>`, `  LoadModule ${name}_module ${file}`, '</IfModule>');
  }
  const types: string[] = [];
  for (const file of MIME_TYPES)
    if (types.length === 0 && (await isFile(file))) types.push(`TypesConfig ${file}`);
  const content = `ServerRoot "{{replicaDir}}"
DefaultRuntimeDir "{{replicaDir}}"
PidFile "{{replicaDir}}/apache.pid"
Listen 127.0.0.1:{{port}}
ServerName localhost
ServerTokens Prod
${loads.join('\n')}
LoadModule php${phpModule.includes('libphp7') ? '7' : ''}_module ${phpModule}

ErrorLog "|$trap '' TERM; exec cat >&2"
ErrorLogFormat "[%{cu}t] [%l] %M"
LogLevel warn php${phpModule.includes('libphp7') ? '7' : ''}:notice
StartServers 2
MinSpareServers 1
MaxSpareServers 4
MaxRequestWorkers ${PROCESSES_MOST}
ServerLimit ${PROCESSES_MOST}
MaxKeepAliveRequests 0

${types.join('\n')}
AddType text/css .css
AddType text/javascript .js .mjs
AddType image/svg+xml .svg
DirectoryIndex index.php index.html
<FilesMatch "\\.(php|phtml)$">
  SetHandler application/x-httpd-php
</FilesMatch>
<Directory />
  Require all denied
</Directory>
DocumentRoot "${documents}"
<Directory "${documents}">
  Options FollowSymLinks
  AllowOverride All
  Require all granted
</Directory>
<LocationMatch "/\\.(?!well-known(/|$))">
  Require all denied
</LocationMatch>
`;
  return [{ path: 'apache.conf', content }];
}
