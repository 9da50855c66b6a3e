import { Problem } from '../domain/errors.ts';
import type { EngineLimits } from './limits.ts';

/** Doubles from the first wait to the last; `failures` counts from 1. */
export function backOffMs(
  failures: number,
  { firstRetryMs, lastRetryMs }: Pick<EngineLimits, 'firstRetryMs' | 'lastRetryMs'>,
): number {
  return Math.min(firstRetryMs * 2 ** (Math.min(failures, 30) - 1), lastRetryMs);
}

/** The store, the disk, the network or the target is away for now. It says nothing about the job. */
export const isPassing = (error: unknown): error is Problem => error instanceof Problem && error.isPassing;

export const isFinal = (error: unknown): error is Problem => error instanceof Problem && !error.isPassing;

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
