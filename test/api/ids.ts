import { jobId } from '../../src/domain/ids.ts';
import { aComponent, anInstance } from './builders.ts';
import { endJob } from './end-job.ts';
import { ENVIRONMENT, type Stage } from './stage.ts';

/** Members of paths by their name in the document. */
export type Ids = Readonly<Record<string, string>>;

/** One of everything that paths name, at rest. */
export async function oneOfEach(stage: Stage, name = 'cart'): Promise<Ids> {
  const at = await aComponent(stage, name);
  const { instance, job } = await anInstance(stage, at, { name });
  await stage.store.write((tx) => endJob(tx, jobId(job), 'succeeded'));
  const [, , application = '', , component = ''] = at.split('/');
  return {
    project_id: stage.project,
    application_id: application,
    component_id: component,
    instance_id: instance,
    environment_id: ENVIRONMENT,
    job_id: job,
  };
}

/** A path of the document with its members filled in; those that are not given stand for themselves. */
export const filled = (path: string, ids: Ids): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(ids[name] ?? name));
