import type { Migration } from './migration.ts';

/** Which tokens were got by a temporary key, so that nothing wider or longer is got by them. */
export const temporaryTokens: Migration = {
  name: '0007-temporary-tokens',
  isExpanding: true,
  statements: ({ whole }) => [
    `alter table tokens add column temporary ${whole} not null default 0`,
    // Until now nobody wrote down which kind of key it was; such a token lives a day at most.
    `update tokens set temporary = 1 where methods like '%hw_ak_sk%'
      and user_id in (select user_id from temporary_keys)`,
  ],
};
