import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fill, type LaunchPlaces } from '../../../domain/launch.ts';

/** A Node that a data directory keeps, or its directory, alone or in a list such as PATH. */
const KEPT_NODE = /(?<=^|:)\/[^:]*\/node\/(v\d+\.\d+\.\d+)(?=$|:|\/node$)/g;

/**
 * Fills a text of a launch in on this host. A Node of a data directory that is lost is taken from the present one:
 * launches that versions before stored name it by its whole path. The Node that runs this needs not be kept there.
 */
export function fillHere(template: string, places: LaunchPlaces): string {
  return fill(template, places).replace(KEPT_NODE, (dir, version: string) => {
    if (existsSync(dir)) return dir;
    const kept = join(places.dataDir, 'node', version);
    return existsSync(kept) || version !== process.version ? kept : dirname(process.execPath);
  });
}
