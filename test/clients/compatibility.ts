import type { Client } from './places.ts';
import type { Result } from './driver.ts';
import { facts } from './terraform-facts.ts';
import { methodless, operationNames, operations, type Operation } from './operations.ts';

/** What one client did in its round. */
export interface Report {
  readonly client: Client;
  readonly results: readonly Result[];
}

const has = (client: Client, name: Operation) => client.takesAnyPath || !methodless.includes(name);

/** What the client has, and did not do. */
export const untried = ({ client, results }: Report): readonly Operation[] => {
  const tried = new Set(results.filter(({ ok }) => ok).map(({ operation }) => operation));
  return operationNames.filter((name) => has(client, name) && !tried.has(name));
};

/** A row per operation; `reference` is the client that passes answers on whole. */
export function table(reports: readonly Report[], reference: Report): string {
  const rows = operationNames.map((name) => {
    const [method, path] = operations[name];
    const works = reports.map((report) => {
      if (!has(report.client, name)) return 'no method';
      return untried(report).includes(name) ? 'no' : 'yes';
    });
    return `| ${name} | \`${method} ${path}\` | ${[...works, differences(name, reports, reference)].join(' | ')} |`;
  });
  const clients = reports.map(({ client }) => client.name);
  return [
    `| operation | request | ${clients.join(' | ')} | what a client leaves out of the answer |`,
    `| --- | --- | ${[...clients, ''].map(() => '---').join(' | ')} |`,
    ...rows,
  ].join('\n');
}

function differences(name: Operation, reports: readonly Report[], reference: Report): string {
  const whole = pathsOf(name, reference);
  const lost = reports
    .filter(({ client }) => has(client, name))
    .map(({ client, results }) => {
      const understood = pathsOf(name, { client, results });
      const missing = [...whole].filter((path) => !understood.has(path));
      // Where a member is missing, those below it need no mention.
      const highest = missing.filter(
        (path) => !missing.some((other) => path.startsWith(`${other}.`) || path.startsWith(`${other}[`)),
      );
      return { client: client.name, fields: highest.toSorted().map((path) => `\`${path}\``) };
    });
  const byFields = Map.groupBy(
    lost.filter(({ fields }) => fields.length > 0),
    ({ fields }) => fields.join(', '),
  );
  return [...byFields]
    .map(([fields, who]) => `${who.map(({ client }) => client).join(', ')}: ${fields}`)
    .join('; ');
}

/** Every member of an operation's good answers that had a value, as `instances[].status_detail.replica`. */
function pathsOf(name: Operation, { results }: Report): ReadonlySet<string> {
  const paths = new Set<string>();
  const walk = (value: unknown, path: string): void => {
    if (value === null || value === undefined) return;
    if (Array.isArray(value)) value.forEach((each: unknown) => walk(each, `${path}[]`));
    else {
      if (path !== '' && !path.endsWith(']')) paths.add(path);
      if (typeof value === 'object')
        for (const [key, each] of Object.entries(value)) walk(each, path === '' ? key : `${path}.${key}`);
    }
  };
  for (const { ok, operation, detail } of results) if (ok && operation === name) walk(detail, '');
  return paths;
}

/** The cells of one client's column, by operation, of a page as it is written. */
export function columnOf(page: string, client: string): Readonly<Record<string, string>> {
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const header = rows.find((cells) => cells[1] === 'operation') ?? [];
  const at = header.indexOf(client);
  return Object.fromEntries(
    rows.filter(([, name = '']) => name in operations).map((cells) => [cells[1] ?? '', cells[at] ?? '']),
  );
}

export const without = (
  left: readonly Operation[],
  column: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(column).filter(([name]) => !left.some((each) => each === name)));

export function compatibilityPage(reports: readonly Report[], reference: Report): string {
  return [
    '# Compatibility',
    '',
    'The official clients, unmodified, each with the seven steps and every other operation against a running platform, over HTTPS and signed with an access key.',
    'This page is written by their tests: `OPENSTAGE_TEST_ALL=1 OPENSTAGE_WRITE_DOCS=1 npm test -- clients`, after `node bin/run.mjs scripts/install-clients.ts`.',
    '',
    ...reports.map(({ client }) => `- **${client.name}**: ${client.package}. ${client.notes}`),
    '',
    '"yes": the operation was called and the client understood the answer. The last column names members of the answer that a client has no field for, and so drops.',
    '',
    table(reports, reference),
    '',
    '## Terraform',
    '',
    'The provider `huaweicloud` with its v2 resources: application, component, environment and component instance ([examples/terraform](../examples/terraform)). `npm run test:terraform` applies, upgrades, plans, imports and destroys them where Terraform finds the provider, or `TF_PROVIDER_BIN` names it; no registry that the tests rely on has it. What it and its library send and expect is held by tests that send the same:',
    '',
    ...facts.map(({ title }) => `- ${title}`),
    '',
    'The blocks `storage` and `probe` with HTTP are left out of the example: the provider sets keys there that its own schema lacks. `replica` is for creation only; after the action "scale" it plans a new instance.',
    '',
  ].join('\n');
}
