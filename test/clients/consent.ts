import assert from 'node:assert/strict';
import { memberOf } from '../../src/cli/running-platform.ts';
import { textOf } from '../../src/cli/tour/steps.ts';
import type { Gitea } from '../git/gitea.ts';

/** Where a git host sends people back to; nobody listens there, the address is read off the answer. */
export const REDIRECT_URI = 'http://127.0.0.1:9/consented';

export interface OAuthApp {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Registers the platform as a client of the git host. */
export async function registerApp(gitea: Gitea): Promise<OAuthApp> {
  const { status, value } = await gitea.api('POST', '/user/applications/oauth2', {
    name: 'openstage',
    redirect_uris: [REDIRECT_URI],
    confidential_client: true,
  });
  assert.equal(status, 201, JSON.stringify(value));
  return { clientId: textOf(value, 'client_id'), clientSecret: textOf(value, 'client_secret') };
}

/** What a person does in a browser: signs in to the git host, says yes, and is sent back with a code. */
export async function consent(gitea: Gitea, url: string): Promise<{ code: string; state: string }> {
  const cookies = new Map<string, string>();
  const visit = async (address: string, form?: Readonly<Record<string, string>>) => {
    const answer = await fetch(address, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      cookies.set(name, value);
    }
    return { status: answer.status, location: answer.headers.get('location'), page: await answer.text() };
  };
  const signIn = await visit(`${gitea.url}/user/login`);
  const entry = { ...fields(signIn.page), user_name: gitea.user, password: gitea.password };
  const { status } = await visit(`${gitea.url}/user/login`, entry);
  assert.equal(status, 303, 'the git host did not sign the person in');
  const asked = await visit(url);
  // Who has said yes before is not asked again.
  const back =
    asked.location ??
    (await visit(`${gitea.url}/login/oauth/grant`, { ...fields(asked.page), granted: 'true' })).location;
  assert.ok(back, `the git host did not send the person back: ${asked.page.slice(0, 500)}`);
  const query = new URL(back).searchParams;
  const found = { code: query.get('code') ?? '', state: query.get('state') ?? '' };
  assert.match(memberOf(found, 'code') === '' ? back : found.code, /^[\w-]+$/);
  return found;
}

/** The hidden fields of a page's forms. */
function fields(page: string): Readonly<Record<string, string>> {
  const inputs = [...page.matchAll(/<input[^>]*type="hidden"[^>]*>/g)].map(([input]) => input);
  const attribute = (input: string, name: string) =>
    new RegExp(`\\b${name}="([^"]*)"`).exec(input)?.[1]?.replaceAll('&amp;', '&').replaceAll('&#43;', '+') ??
    '';
  return Object.fromEntries(inputs.map((input) => [attribute(input, 'name'), attribute(input, 'value')]));
}
