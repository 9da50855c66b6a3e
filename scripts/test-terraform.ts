import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { askApp } from '../src/cli/tour/load.ts';
import { ClientGround } from '../test/clients/ground.ts';

/**
 * Applies examples/terraform to a platform of its own with the real provider, upgrades, imports and destroys it;
 * after each step a plan has to find nothing to do. The provider is the one that Terraform finds, or TF_PROVIDER_BIN.
 */
const SOURCE = 'huaweicloud/huaweicloud';
const PREFIX = 'huaweicloud_servicestage';
const binary = process.env['TF_PROVIDER_BIN'];
const folder = mkdtempSync(join(tmpdir(), 'openstage-terraform-'));

class Unfit extends Error {}

function environment(ground?: ClientGround, version: '1.0.0' | '2.0.0' = '1.0.0'): NodeJS.ProcessEnv {
  const found = { ...process.env, TF_IN_AUTOMATION: '1', TF_INPUT: '0', CHECKPOINT_DISABLE: '1' };
  return {
    ...found,
    ...(binary !== undefined && { TF_CLI_CONFIG_FILE: join(folder, 'override.tfrc') }),
    ...ground?.variables,
    ...(ground && {
      TF_VAR_endpoint: `https://${ground.variable('servicestage_endpoint')}/`,
      TF_VAR_package_url: ground.packages[version],
      TF_VAR_release: version,
    }),
  };
}

function terraform(env: NodeJS.ProcessEnv, ...args: string[]): string {
  console.log(`terraform ${args.join(' ')}`);
  const { status, stdout, stderr, error } = spawnSync('terraform', args, {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  if (error) throw new Unfit('There is no terraform on the PATH; install it, then run this again.');
  if (status !== 0) throw new Error(`terraform ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

function prepare(): void {
  copyFileSync('examples/terraform/main.tf', join(folder, 'main.tf'));
  terraform(environment(), 'version');
  if (binary !== undefined) {
    if (!existsSync(binary))
      throw new Unfit(`TF_PROVIDER_BIN names ${binary}, which is not there; name the provider's program.`);
    symlinkSync(resolve(binary), join(folder, 'terraform-provider-huaweicloud'));
    writeFileSync(
      join(folder, 'override.tfrc'),
      `provider_installation {\n  dev_overrides {\n    "${SOURCE}" = ${JSON.stringify(folder)}\n  }\n  direct {}\n}\n`,
    );
    return;
  }
  try {
    terraform(environment(), 'init', '-no-color');
  } catch (error) {
    if (error instanceof Unfit) throw error;
    throw new Unfit(
      `Terraform finds no provider ${SOURCE} here, so nothing was tried; install it where Terraform looks, ` +
        'or name its program in TF_PROVIDER_BIN.',
    );
  }
}

/** Exits with 2 where there is something to change, which is an error here. */
const nothingToDo = (env: NodeJS.ProcessEnv) => terraform(env, 'plan', '-detailed-exitcode', '-no-color');

async function run(ground: ClientGround): Promise<void> {
  const serves = async (version: string) => {
    const { status, text } = await askApp(ground.ingressUrl, 'hello.terraform.localhost');
    if (status !== 200 || !text.includes(`"version":"${version}"`))
      throw new Error(`The application answers ${status} ${text}; expected version ${version}.`);
  };
  const first = environment(ground, '1.0.0');
  terraform(first, 'apply', '-auto-approve', '-no-color');
  await serves('1.0.0');
  nothingToDo(first);

  const second = environment(ground, '2.0.0');
  terraform(second, 'apply', '-auto-approve', '-no-color');
  await serves('2.0.0');
  nothingToDo(second);

  const id = (name: string) => {
    const shown = terraform(second, 'state', 'show', '-no-color', `${PREFIX}_${name}.example`);
    return /^\s+id\s+= "([^"]+)"/m.exec(shown)?.[1] ?? '';
  };
  const application = id('application');
  const component = id('component');
  const imports = {
    environment: id('environment'),
    application,
    component: `${application}/${component}`,
    component_instance: `${application}/${component}/${id('component_instance')}`,
  };
  for (const [name, path] of Object.entries(imports)) {
    terraform(second, 'state', 'rm', `${PREFIX}_${name}.example`);
    terraform(second, 'import', '-no-color', `${PREFIX}_${name}.example`, path);
  }
  nothingToDo(second);

  terraform(second, 'destroy', '-auto-approve', '-no-color');
  if (terraform(second, 'state', 'list').trim() !== '') throw new Error('Something is left after destroy.');
  console.log('Terraform applied, upgraded, imported and destroyed the example; no plan found a difference.');
}

try {
  prepare();
  const ground = await ClientGround.open();
  try {
    await run(ground);
  } finally {
    await ground.stop();
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
