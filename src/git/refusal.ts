import { Problem } from '../domain/errors.ts';
import { at, textAt, type HostAnswer } from './answer.ts';

/** Of what a host says, this much is repeated. */
const SAID_MOST = 300;

/** What an answer means that is no success. */
export function refusal(answer: HostAnswer, host: string, secrets: readonly string[]): Problem {
  const { status } = answer;
  const said = saidBy(answer, secrets);
  const words = said === '' ? '' : ` ("${said}")`;
  if (status === 401) {
    return new Problem(
      'gitAuthInvalid',
      `${host} does not take the credential of the authorization${words}; create the authorization anew.`,
    );
  }
  const isThrottled = status === 429 || (status === 403 && answer.headers['x-ratelimit-remaining'] === '0');
  if (isThrottled) {
    return new Problem('gitInvalid', `${host} limits requests for now${words}; try again later.`);
  }
  if (status === 403) {
    return new Problem(
      'gitInvalid',
      `${host} does not let the authorization do this${words}; give its token the scope, or its user the right.`,
    );
  }
  if (status === 404 || status === 410) {
    return new Problem(
      'gitUnknown',
      `${host} does not have it, or hides it from the authorization${words}; list what there is.`,
    );
  }
  const isTaken = status === 409 || ((status === 400 || status === 422) && isAboutExisting(said));
  if (isTaken && !/sha|does not match|conflict/i.test(said)) {
    return new Problem('gitNameTaken', `${host} has it already${words}; choose another name.`);
  }
  if (status >= 500) {
    return new Problem('gitInvalid', `${host} failed with status ${status}${words}; try again later.`);
  }
  return new Problem('gitInvalid', `${host} refused with status ${status}${words}.`);
}

const isAboutExisting = (said: string) => /exist|taken/i.test(said) && !/not exist|n't exist/i.test(said);

/** The host's own words, without secrets, control characters and length. */
function saidBy(answer: HostAnswer, secrets: readonly string[]): string {
  let value: unknown;
  try {
    value = answer.value;
  } catch {
    return '';
  }
  const found = [
    textAt(value, 'error', 'message'),
    textAt(value, 'message'),
    textAt(value, 'error_description'),
    textAt(value, 'error'),
    ...textsIn(at(value, 'message')),
    ...textsIn(at(value, 'errors')),
  ].filter((text) => text !== '');
  const text = [...new Set(found)].join('; ').replace(/[\p{Cc}\p{Cf}\p{Cs}"]+/gu, ' ');
  const clean = secrets.reduce((kept, secret) => kept.replaceAll(secret, '******'), text);
  return clean.length > SAID_MOST ? `${clean.slice(0, SAID_MOST)}…` : clean;
}

function textsIn(value: unknown, depth = 0): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || depth > 3) return [];
  return Object.values(value)
    .slice(0, 10)
    .flatMap((member) => textsIn(member, depth + 1));
}
