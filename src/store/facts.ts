import type { Db, Tx } from './open.ts';

/** What the platform knows of itself: its id, its region, this host's id. */
export async function findFact(db: Db, name: string): Promise<string | undefined> {
  const row = await db.selectFrom('facts').select('value').where('name', '=', name).executeTakeFirst();
  return row?.value;
}

/** Replaces the value that it had. */
export async function setFact(tx: Tx, name: string, value: string): Promise<void> {
  await tx
    .insertInto('facts')
    .values({ name, value })
    .onConflict((on) => on.column('name').doUpdateSet({ value }))
    .execute();
}

/** Sets it unless it has a value already, and answers the one that it has: for what is fixed at first start. */
export async function fixFact(tx: Tx, name: string, value: string): Promise<string> {
  await tx
    .insertInto('facts')
    .values({ name, value })
    .onConflict((on) => on.column('name').doNothing())
    .execute();
  return (await findFact(tx, name)) ?? value;
}
