/** One line of the table. Every figure stands beside what it is compared with, measured in the same run. */
export interface Row {
  readonly what: string;
  /** With its unit. */
  readonly measured: string;
  /** What it is compared with, and that one's figure. */
  readonly beside: string;
  readonly ratio: string;
  /** Absent: printed for the reader's interest. */
  readonly goal?: Goal;
}

interface Goal {
  readonly text: string;
  readonly isMet: boolean;
}

export interface Figure {
  /** The word that selects it: `npm run bench -- ingress`. */
  readonly name: string;
  /** Takes a minute or two; leaves nothing running. */
  measure(): Promise<readonly Row[]>;
}

export const atMost = (value: number, limit: number, unit = ''): Goal => ({
  text: `<= ${limit}${unit}`,
  isMet: value <= limit,
});

export const atLeast = (value: number, limit: number): Goal => ({
  text: `>= ${limit}`,
  isMet: value >= limit,
});

/** A line for what this machine cannot show, by the name of what is missing. */
export const notMeasured = (what: string, reason: string): Row => ({
  what,
  measured: `not measured: ${reason}`,
  beside: '',
  ratio: '',
});
