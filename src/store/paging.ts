export type OrderBy = 'create_time' | 'name' | 'update_time' | 'version';

/** Which part of a list, in which order; ties are broken by id, so that pages never overlap. */
export interface Paging {
  /** Absent: as many as one answer may hold. */
  readonly limit?: number;
  readonly offset: number;
  readonly orderBy: OrderBy;
  readonly order: 'asc' | 'desc';
}

export interface Page<T> {
  /** Of all that match, not of this page. */
  readonly count: number;
  readonly items: readonly T[];
}

/** Bounds an answer's memory where no limit was asked for. */
export const MAX_PAGE = 1_000;

export const limitOf = (paging: { readonly limit?: number }): number =>
  Math.min(paging.limit ?? MAX_PAGE, MAX_PAGE);
