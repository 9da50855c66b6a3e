import { growth, growthOfAll } from './growth.ts';
import { idle } from './idle.ts';
import { ingress } from './ingress.ts';
import { jobs } from './jobs.ts';
import { notMeasured, type Figure, type Row } from './figure.ts';
import { loadOfOthers } from './machine.ts';
import { postComponents } from './post-components.ts';
import { signed } from './signed.ts';
import { startJava, startNode } from './start.ts';

/** In the order of the table. */
const figures: readonly Figure[] = [
  startNode,
  startJava,
  postComponents,
  growth,
  growthOfAll,
  signed,
  jobs,
  ingress,
  idle,
];

/**
 * Prints the table of figures, or those whose names have a word given: `npm run bench -- ingress idle`.
 * A bench is no test: a goal that is missed is printed, never an error.
 */
const words = process.argv.slice(2).filter((word) => !word.endsWith('run.ts'));
const chosen = figures.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
if (chosen.length === 0)
  throw new Error(
    `No figure has "${words.join('" or "')}" in its name; there are ${figures.map(({ name }) => name).join(', ')}.`,
  );

// So that what was started is ended: see BenchPlatform.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

const HEAD = ['figure', 'what', 'measured', 'beside', 'ratio', 'goal', '', 'load of others'];
const table: string[][] = [HEAD];
for (const figure of chosen) {
  const load = await loadOfOthers();
  console.error(`measuring ${figure.name} (others keep ${load} busy) ...`);
  for (const row of await measured(figure)) {
    table.push(cells(figure.name, row, load));
    console.error(
      `  ${[row.what, row.measured, row.beside, row.ratio].filter((cell) => cell !== '').join(' | ')}`,
    );
  }
}
const widths = HEAD.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
for (const row of table)
  console.log(
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );

async function measured({ name, measure }: Figure): Promise<readonly Row[]> {
  try {
    return await measure();
  } catch (error) {
    return [notMeasured(name, error instanceof Error ? error.message : String(error))];
  }
}

function cells(figure: string, { what, measured, beside, ratio, goal }: Row, load: string): string[] {
  const verdict = goal ? (goal.isMet ? 'met' : 'missed') : '';
  return [figure, what, measured, beside, ratio, goal?.text ?? '', verdict, load];
}
