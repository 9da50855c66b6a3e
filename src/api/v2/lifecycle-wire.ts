import { Problem } from '../../domain/errors.ts';
import type { HookRequest, LifecycleRequest } from '../../domain/request.ts';
import { isEmpty } from './empty.ts';
import type { HookInputWire, LifecycleInputWire } from './schemas/configuration.ts';

/** Clients send empty members for what was not set. */
export function readLifecycle(sent: LifecycleInputWire): LifecycleRequest {
  const entrypoint = isEmpty(sent.entrypoint) ? undefined : readEntrypoint(sent.entrypoint ?? {});
  const postStart = readHook(sent['post-start'], 'configuration.lifecycle.post-start');
  const preStop = readHook(sent['pre-stop'], 'configuration.lifecycle.pre-stop');
  return {
    ...(entrypoint && { entrypoint }),
    ...(postStart && { postStart }),
    ...(preStop && { preStop }),
  };
}

function readEntrypoint({
  command = [],
  args = [],
}: NonNullable<LifecycleInputWire['entrypoint']>): LifecycleRequest['entrypoint'] {
  if (command.length > 0) assertProgram(command, 'configuration.lifecycle.entrypoint.command');
  return { command, args };
}

function readHook(sent: HookInputWire | undefined, path: string): HookRequest | undefined {
  if (sent === undefined || isEmpty(sent)) return undefined;
  const { type, parameters: { command, port, path: place, host } = {} } = sent;
  if (type === 'command') {
    const words = command ?? [];
    assertProgram(words, `${path}.parameters.command`);
    return { type, command: words };
  }
  if (type !== 'http')
    throw new Problem('invalid', `Field "${path}.type" is missing; expected command or http.`);
  if (port === undefined) {
    throw new Problem(
      'invalid',
      `Field "${path}.parameters.port" is missing; expected a port from 1 to 65535.`,
    );
  }
  return { type, port, path: place || '/', ...(host && { host }) };
}

export function assertProgram(words: readonly string[], path: string): void {
  if (words[0]) return;
  throw new Problem('invalid', `Field "${path}" is missing; expected a list of text, the first a program.`);
}
