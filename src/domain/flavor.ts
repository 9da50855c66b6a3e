import { Problem } from './errors.ts';
import type { Limits } from './rollout.ts';

/** A size that clients name. All texts as the contract writes them. */
export interface Flavor {
  readonly flavorId: string;
  readonly storageSize: string;
  readonly cpu: string;
  readonly cpuInitial: string;
  readonly memory: string;
  readonly memoryInitial: string;
  readonly label: string;
  readonly custom: boolean;
}

const named = (name: string, storageGi: number, cores: number, memoryGi: number): Flavor => ({
  flavorId: `${name.toUpperCase()}-${storageGi}G:${cores === 0.5 ? '0.5' : cores.toFixed(1)}C:${memoryGi}G`,
  storageSize: `${storageGi}G`,
  cpu: `${cores * 1000}m`,
  cpuInitial: `${cores * 400}m`,
  memory: `${memoryGi}Gi`,
  memoryInitial: `${memoryGi * 200}Mi`,
  label: `${name}: ${storageGi}G Storage, ${cores} CPU, ${memoryGi}G Memory`,
  custom: false,
});

export const flavors: readonly Flavor[] = [
  named('Micro', 5, 0.5, 1),
  named('Small', 10, 1, 2),
  named('Standard', 30, 2, 4),
  named('Large', 50, 4, 8),
  named('XLarge', 100, 4, 16),
  {
    flavorId: 'CUSTOM-XG:X-X:X-X',
    storageSize: 'XG',
    cpu: 'X',
    cpuInitial: 'X',
    memory: 'X',
    memoryInitial: 'X',
    label: 'Custom: storage, CPU (limit-initial), memory (limit-initial)',
    custom: true,
  },
];

const CUSTOM =
  /^CUSTOM-(\d{1,6})G:(\d{1,6}(?:\.\d{1,3})?)(C|m)-(\d{1,6}(?:\.\d{1,3})?)(C|m):(\d{1,6}(?:\.\d{1,3})?)Gi-(\d{1,6}(?:\.\d{1,3})?)Gi$/;

const GIB = 1024 ** 3;

/** `C` is cores; `m` below 10 or with a decimal point is cores too, else thousandths of a core (contract, 4.12). */
function cpuMillis(number: string, unit: string): number {
  const value = Number(number);
  return Math.round(unit === 'C' || value < 10 || number.includes('.') ? value * 1000 : value);
}

/** The limits that a flavor id stands for; a Problem of code `invalid` where it stands for none. */
export function limitsOf(flavorId: string): Limits {
  const known = flavors.find((flavor) => flavor.flavorId === flavorId && !flavor.custom);
  if (known)
    return {
      cpuMillis: Number.parseInt(known.cpu, 10),
      memoryBytes: Number.parseInt(known.memory, 10) * GIB,
    };
  const match = CUSTOM.exec(flavorId);
  if (match) {
    const [, , cpu = '', cpuUnit = '', , , memory = ''] = match;
    const limits = { cpuMillis: cpuMillis(cpu, cpuUnit), memoryBytes: Math.round(Number(memory) * GIB) };
    if (limits.cpuMillis > 0 && limits.memoryBytes > 0) return limits;
  }
  throw new Problem(
    'invalid',
    `flavor_id "${flavorId}" is not known; expected one of ${flavors.map((flavor) => flavor.flavorId).join(', ')}, ` +
      'or an own size such as CUSTOM-10G:0.5C-0.25C:1.6Gi-0.8Gi.',
  );
}

/** What is asked for, before it is stored: an own size may not begin with more than it allows at most. */
export function assertFlavor(flavorId: string): void {
  const limits = limitsOf(flavorId);
  const [, , , , initial = '0', unit = 'C', memory = '0', initialMemory = '0'] = CUSTOM.exec(flavorId) ?? [];
  if (cpuMillis(initial, unit) <= limits.cpuMillis && Number(initialMemory) <= Number(memory)) return;
  throw new Problem(
    'invalid',
    `flavor_id "${flavorId}" asks for more at first than it allows at most; ` +
      'expected the larger before the smaller, such as CUSTOM-10G:0.5C-0.25C:1.6Gi-0.8Gi.',
  );
}
