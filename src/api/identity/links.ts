export interface ListLinks {
  readonly self: string;
  readonly previous: string | null;
  readonly next: string | null;
}

export const linksOf = (self: string): ListLinks => ({ self, previous: null, next: null });
