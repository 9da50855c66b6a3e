import type { OrderBy, Paging } from '../../store/paging.ts';

type Query = Readonly<Record<string, unknown>>;

/** What a limit that is none of the contract's counts as. */
const ODD_LIMIT = 10;
const MOST_PER_PAGE = 100;
const WHOLE_LIST = 1_000;

/** A value given twice counts once, the last time. */
export function textOf(query: Query, name: string): string | undefined {
  const value = query[name];
  const last: unknown = Array.isArray(value) ? value.at(-1) : value;
  return typeof last === 'string' ? last : undefined;
}

/** Nothing here is refused: what is odd counts as the default (contract, "Paging and order"). */
export function readPaging(
  query: Query,
  orders: readonly OrderBy[],
  orderNames: readonly string[] = ['order_by'],
): Paging {
  const limit = readLimit(textOf(query, 'limit'));
  const asked = orderNames.map((name) => textOf(query, name)).find((name) => name !== undefined);
  return {
    ...(limit !== undefined && { limit }),
    offset: readOffset(textOf(query, 'offset')),
    orderBy: orders.find((order) => order === asked) ?? 'create_time',
    order: textOf(query, 'order')?.toLowerCase() === 'asc' ? 'asc' : 'desc',
  };
}

function readLimit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const limit = wholeNumber(text);
  return limit !== undefined && (limit <= MOST_PER_PAGE || limit === WHOLE_LIST) ? limit : ODD_LIMIT;
}

export function readOffset(text: string | undefined): number {
  return wholeNumber(text ?? '') ?? 0;
}

export function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
