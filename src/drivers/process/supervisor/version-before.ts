/**
 * What the version before wrote or asks for, in the form of this one. There, what makes up a rollout's workload and its
 * placement stood on the rollout itself.
 */
export function inPresentForm(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const { call, rollout } = value;
  if (isRecord(call)) return { ...value, call: inPresentForm(call) };
  return isRecord(rollout) ? { ...value, rollout: presentRollout(rollout) } : value;
}

function presentRollout(rollout: Readonly<Record<string, unknown>>): unknown {
  if ('workload' in rollout) return rollout;
  const { build, launch, hosts, user, ...same } = rollout;
  return {
    ...same,
    workload: { form: 'directory', build, launch },
    placement: { on: 'hosts', hosts, ...(user !== undefined && { user }) },
  };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
