import { readFileSync } from 'node:fs';
import { accessKeyFile } from '../src/data-directory.ts';
import { parseKeyPair } from '../src/domain/access-key.ts';
import { sign } from '../test/api/sign.ts';
import { atMost, type Figure } from './figure.ts';
import { inTurns, requestBytes } from './http-load.ts';
import { BenchPlatform } from './platform.ts';
import { median, ms, times } from './statistics.ts';

const REQUESTS = 3_000;
const WARM_UP = 500;
const MOST = 1.3;

/** What the platform needs to check a signature, beside what it needs to look a token up. */
export const signed: Figure = {
  name: 'signed',
  async measure() {
    const platform = await BenchPlatform.start();
    try {
      const { access, secret } = parseKeyPair(readFileSync(accessKeyFile(platform.dataDir), 'utf8'));
      const component = await platform.addComponent('signed', 'Nodejs8');
      const url = platform.at(component);
      const headers = { Host: '127.0.0.1', 'Content-Type': 'application/json' };
      const sides = [
        { port: platform.httpPort, next: () => requestBytes('GET', url, platform.headers) },
        {
          port: platform.httpPort,
          next: () => requestBytes('GET', url, sign({ access, secret, url, headers })),
        },
      ];
      await inTurns(sides, WARM_UP);
      const [token = [], signature = []] = await inTurns(sides, REQUESTS);
      const ratio = median(signature) / median(token);
      return [
        {
          what: 'show a component: a signed request',
          measured: ms(median(signature)),
          beside: `with a token ${ms(median(token))}`,
          ratio: times(ratio),
          goal: atMost(ratio, MOST),
        },
      ];
    } finally {
      await platform.remove();
    }
  },
};
