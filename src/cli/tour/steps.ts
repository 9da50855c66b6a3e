import type { Client } from '../running-platform.ts';
import { memberOf } from '../running-platform.ts';
import { bold, dim, green, LiveLines, red, say, shorten, WAITING } from './show.ts';

const POLL_MS = 50;
const MOST_POLLS = 6_000;

/** Sends a request, showing it and its answer. */
export async function send(client: Client, method: string, path: string, body?: unknown): Promise<unknown> {
  say(`${bold(method)} ${path.replace(client.project, '{project_id}')}`);
  if (body !== undefined) say(dim(`  ${shorten(JSON.stringify(body))}`));
  const answer = await client.request(method, path, body);
  say(`  ${answer.status} ${shorten(JSON.stringify(answer.body ?? ''))}`);
  if (answer.status >= 300)
    throw new Error(`${method} ${path} was answered with ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

export interface Ended {
  readonly status: string;
  /** What the last task says: why the job failed. */
  readonly message: string;
  readonly log: readonly string[];
}

/** Follows a job to its end, showing its tasks as they go. */
export async function follow(client: Client, job: string): Promise<Ended> {
  const lines = new LiveLines();
  for (let poll = 0; poll < MOST_POLLS; poll += 1) {
    const { body } = await client.request('GET', `/v2/${client.project}/cas/jobs/${job}`);
    const tasks = listOf(memberOf(body, 'tasks'));
    lines.show(tasks.map((task) => taskLine(textOf(task, 'TASK_NAME'), textOf(task, 'TASK_STATUS'))));
    const status = textOf(memberOf(body, 'job'), 'EXECUTION_STATUS');
    if (status !== 'RUNNING') return { status, ...reasonOf(textOf(tasks.at(-1), 'MESSAGES')) };
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`Job ${job} did not end.`);
}

export async function succeed(client: Client, job: string): Promise<void> {
  const { status, message } = await follow(client, job);
  if (status !== 'SUCCEEDED') throw new Error(`Job ${job} ended as ${status}: ${message}`);
}

function taskLine(name: string, status: string): string {
  switch (status) {
    case 'SUCCEEDED':
      return `  ${green('✔')} ${name}`;
    case 'RUNNING':
      return `  ${bold('▸')} ${name}`;
    case 'SUBMITTED':
      return `${WAITING} ${dim(name)}`;
    default:
      return `  ${red('✖')} ${name} ${status}`;
  }
}

function reasonOf(messages: string): { readonly message: string; readonly log: readonly string[] } {
  const parsed: unknown = messages.startsWith('{') ? JSON.parse(messages) : {};
  return { message: textOf(parsed, 'message'), log: listOf(memberOf(parsed, 'log')).map(String) };
}

export const textOf = (value: unknown, name: string): string => String(memberOf(value, name) ?? '');
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
