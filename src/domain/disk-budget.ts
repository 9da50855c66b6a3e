import { Problem } from './errors.ts';

const MIB = 1024 ** 2;
const inMib = (bytes: number): string => `${Math.ceil(bytes / MIB)} MiB`;

/** What packages and releases take together, and may take. Both stores count here; whoever wants to keep more asks. */
export class DiskBudget {
  readonly #limitBytes: number;
  #bytes = 0;
  #makeRoom: (bytes: number) => Promise<void> = () => Promise.resolve();

  /** 0: as much as the disk has. */
  constructor(limitBytes = 0) {
    this.#limitBytes = limitBytes;
  }

  /** How what nobody needs is collected, so that so many bytes more fit. */
  onFull(makeRoom: (bytes: number) => Promise<void>): void {
    this.#makeRoom = makeRoom;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Something was kept, or, with a negative number, removed. */
  count(bytes: number): void {
    this.#bytes = Math.max(0, this.#bytes + bytes);
  }

  fits(bytes: number): boolean {
    return this.#limitBytes === 0 || this.#bytes + bytes <= this.#limitBytes;
  }

  /** A Problem where it does not fit, even without all that nobody needs. */
  async admit(bytes: number, what: string): Promise<void> {
    if (this.fits(bytes)) return;
    await this.#makeRoom(bytes);
    if (this.fits(bytes)) return;
    throw new Problem(
      'targetUnavailable',
      `There is no room for ${what} (${inMib(bytes)}): packages and releases take ${inMib(this.#bytes)} of the ${inMib(this.#limitBytes)} that they may. ` +
        'Delete packages or instances that are no longer needed, or let the operator raise OPENSTAGE_KEPT_MIB or lower OPENSTAGE_KEEP_RELEASES.',
    );
  }
}
