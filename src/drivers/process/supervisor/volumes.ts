import type { Rollout } from '../../../domain/rollout.ts';
import { neededDirs } from '../../../domain/volume.ts';
import type { Volume } from '../../../domain/volume.ts';
import { errandOf, runErrand } from './errand.ts';
import type { PlacedMount, VolumesOrder } from './errands/place-volumes.ts';
import { isSource } from './replica-files.ts';
import type { ReplicaFiles } from './replica-files.ts';
import { list, natural, object } from './shape.ts';

const errand = errandOf('place-volumes', 'placeVolumes');
const isPlaced = list(object<PlacedMount>({ volume: natural, mount: natural, source: isSource }, {}));
/** A disk that takes longer has a fault; the start is tried again. */
const MOST_MS = 10_000;

/** The volumes of a replica are where its mounts are to come from, and those below HOME are linked. */
export async function placeVolumes(
  { instance, placement: { user }, volumes = [] }: Rollout,
  files: ReplicaFiles,
  dataDir: string,
): Promise<readonly PlacedMount[]> {
  const order: VolumesOrder = {
    user,
    home: files.home,
    emptyDirs: files.volumes,
    volumes: volumes.map((volume) => ({ ...volume, logNames: logNames(files, volume) })),
    needed: neededDirs(dataDir),
  };
  const placed = await runErrand(errand, order, isPlaced, {
    owner: `volumes of ${instance}`,
    mostMs: MOST_MS,
  });
  for (const { volume, source } of placed) if (volumes[volume]?.logs) files.saveLogDir(volume, source);
  return placed;
}

function logNames({ name }: ReplicaFiles, volume: Volume): readonly string[] {
  if (volume.kind !== 'host' || !volume.logs) return [];
  const { isPerReplica, container } = volume.logs;
  return [...(isPerReplica ? [name] : []), ...(container === undefined ? [] : [container])];
}
