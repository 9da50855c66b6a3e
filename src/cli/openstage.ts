import { Command, Option } from 'commander';
import { flagOf, names, readSettings, rules, SettingError, type Name, type Settings } from '../settings.ts';
import { env } from './env.ts';
import { down } from './down.ts';
import { forgetHost, listAllHosts, replaceHost } from './hosts.ts';
import { installRuntime, listRuntimes } from './runtime.ts';
import { serve } from './serve.ts';

/** Exit codes: 0 done, 1 failed, 2 used wrongly. */
const FAILED = 1;
const MISUSED = 2;

function withSettings(command: Command, listed: readonly Name[]): Command {
  for (const name of names) {
    const { about, fallback, variable } = rules[name];
    const option = new Option(
      fallback === 'false' ? flagOf(name) : `${flagOf(name)} <value>`,
      `${about} (${variable}${fallback === '' ? '' : `, default ${fallback}`})`,
    );
    command.addOption(listed.includes(name) ? option : option.hideHelp());
  }
  return command;
}

function settingsOf(command: Command): Settings {
  const given = new Map<Name, string>();
  for (const option of command.options) {
    const name = names.find((known) => flagOf(known) === option.long);
    const value: unknown = command.getOptionValue(option.attributeName());
    if (name && value !== undefined) given.set(name, String(value));
  }
  return readSettings(given, process.env);
}

const program = new Command('openstage')
  .description(
    'The open, self-hosted application platform that speaks the ServiceStage component-management API',
  )
  .showHelpAfterError('(openstage --help lists the commands)')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : MISUSED));

const where: readonly Name[] = ['dataDir', 'config'];

withSettings(program.command('serve').description('Start the platform, to stay'), names).action(
  (_, command: Command) => serve(settingsOf(command)),
);
withSettings(
  program
    .command('env')
    .description('Print what clients need, as export lines for a shell')
    .option('--json', 'as JSON')
    .option('--terraform', 'as a provider block of Terraform'),
  where,
).action(({ json, terraform }: { json?: boolean; terraform?: boolean }, command: Command) =>
  env(settingsOf(command), terraform === true ? 'terraform' : json === true ? 'json' : 'shell'),
);
withSettings(
  program
    .command('down')
    .description('Stop everything of a data directory: the platform, applications, ingress, supervisor'),
  where,
).action((_, command: Command) => down(settingsOf(command)));
const hosts = program.command('hosts').description('Hosts that the database knows');
const whichDatabase: readonly Name[] = [...where, 'databaseUrl', 'keyFile'];
withSettings(
  hosts.command('list', { isDefault: true }).description('Each with its replicas'),
  whichDatabase,
).action((_, command: Command) => listAllHosts(settingsOf(command)));
withSettings(
  hosts
    .command('replace')
    .description('Take the place of a host that is gone, with this data directory')
    .argument('<id>', 'of the host that is gone'),
  whichDatabase,
).action((id: string, _, command: Command) => replaceHost(settingsOf(command), id));
withSettings(
  hosts.command('remove').description('Forget a host that runs nothing').argument('<id>', 'of the host'),
  whichDatabase,
).action((id: string, _, command: Command) => forgetHost(settingsOf(command), id));
const runtime = program.command('runtime').description('What applications run on');
withSettings(runtime.command('list').description('What was found here, or what to install'), where).action(
  (_, command: Command) => listRuntimes(settingsOf(command)),
);
withSettings(
  runtime
    .command('install')
    .description('Fetch a runtime into the data directory')
    .argument('<name>', 'such as Tomcat8'),
  [...where, 'mavenUrl'],
).action((name: string, _, command: Command) => installRuntime(settingsOf(command), name));

try {
  await program.parseAsync();
} catch (error) {
  console.error(`openstage: ${error instanceof Error ? error.message : String(error)}`);
  // What was opened before it failed must not keep it: whoever started it is to see that it ended.
  process.exit(error instanceof SettingError ? MISUSED : FAILED);
}
