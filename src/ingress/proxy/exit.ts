/** Why the process ended, for who started it; the sentence is in the log. */
export const EXIT = { failed: 1, usage: 2, locked: 3, addressUnavailable: 4 } as const;
