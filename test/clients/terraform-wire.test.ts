import { after, before, test } from 'node:test';
import { ClientGround } from './ground.ts';
import { Provider } from './provider.ts';
import { facts } from './terraform-facts.ts';

/** The provider itself is in no registry that tests can rely on (`npm run test:terraform` runs it where it is): these send what it sends. */
let ground: ClientGround;
before(async () => {
  ground = await ClientGround.open();
});
after(() => ground.stop());

for (const { title, run } of facts) test(`terraform: ${title}`, () => run(new Provider(ground), ground));
