import { Problem } from '../domain/errors.ts';
import { shownUrl } from '../connections/destination.ts';

const mayPass: ReadonlySet<number> = new Set([408, 425, 429]);

/** What an answer without a package means. */
export function refused(status: number, url: URL): Error {
  const said = `${shownUrl(url)} answered ${status}`;
  if (status >= 500 || mayPass.has(status)) return new Error(`${said}.`);
  const advice =
    status === 401 || status === 403
      ? 'it must be readable without a login: open it, or upload the package to the package repository'
      : status === 404 || status === 410
        ? 'there is no such package: correct the address'
        : 'expected 200 and a package: correct the address';
  return new Problem('artifactUnavailable', `${said}; ${advice}.`);
}
