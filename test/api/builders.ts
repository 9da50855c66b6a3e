import { CLUSTER, ENVIRONMENT, type Stage } from './stage.ts';

/** The address of a new component's instances, below the project's root. */
export async function aComponent(stage: Stage, name = 'cart', changes: object = {}): Promise<string> {
  const application = (await stage.post('/applications', { name: `app-${name}` })).text('id');
  const component = await stage.post(`/applications/${application}/components`, {
    name,
    runtime: 'Tomcat8',
    category: 'Common',
    ...changes,
  });
  return `/applications/${application}/components/${component.text('id')}/instances`;
}

export const instanceBody = {
  name: 'web',
  environment_id: ENVIRONMENT,
  flavor_id: 'MICRO-5G:0.5C:1G',
  replica: 1,
  artifacts: {
    web: { storage: 'swr', type: 'package', url: 'https://packages.example.org/a-1.jar', auth: 'iam' },
  },
  version: '1.0.0',
  refer_resources: [{ id: CLUSTER, type: 'cce', parameters: { namespace: 'default' } }],
};

/** A new instance whose job is open, below the address of its component's instances. */
export async function anInstance(
  stage: Stage,
  at: string,
  changes: object = {},
): Promise<{ readonly instance: string; readonly job: string; readonly at: string }> {
  const accepted = await stage.post(at, { ...instanceBody, ...changes });
  const instance = accepted.text('instance_id');
  return { instance, job: accepted.text('job_id'), at: `${at}/${instance}` };
}
