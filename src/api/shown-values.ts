import { unseal, type Envelope, type Key } from '../domain/envelope.ts';
import { MASKED } from '../domain/request.ts';
import type { Caller } from '../actions/caller.ts';

/** What a caller gets to see of a stored value: all answers ask here, and nothing else in this folder unseals. */
export type ShowValue = (value: Envelope) => string;

export const valuesFor = ({ mayReadValues }: Caller, key: Key): ShowValue =>
  mayReadValues ? (value) => unseal(key, value) : () => MASKED;
