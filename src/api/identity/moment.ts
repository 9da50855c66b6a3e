/** Six digits, as the contract's clients parse them. */
export const moment = (time: number): string =>
  new Date(time).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
