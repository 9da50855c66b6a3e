import type { Answer, Stage } from '../api/stage.ts';

/** Calls of the git API as its clients make them, with one authorization. */
export function gitCaller(stage: Stage, authorization?: string, token: string = stage.token) {
  const send = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, payload?: object): Promise<Answer> =>
    stage.send({
      method,
      url: `/v1/${stage.project}/git${path}`,
      headers: {
        'x-auth-token': token,
        ...(authorization !== undefined && { 'x-repo-auth': authorization }),
        ...(payload && { 'content-type': 'application/json' }),
      },
      ...(payload && { payload }),
    });
  return {
    get: (path: string) => send('GET', path),
    post: (path: string, body: object) => send('POST', path, body),
    put: (path: string, body: object) => send('PUT', path, body),
    delete: (path: string) => send('DELETE', path),
  };
}
