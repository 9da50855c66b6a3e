const LABEL_MOST = 63;

function label(name: string): string {
  const clean = name.toLowerCase().replaceAll('_', '-').slice(0, LABEL_MOST);
  return clean.replace(/^-+|-+$/g, '') || 'x';
}

/** The address of an instance at the ingress. `suffix` (six characters of its id) tells it from one of the same name. */
export function hostName(instance: string, application: string, suffix?: string): string {
  const first =
    suffix === undefined
      ? label(instance)
      : `${label(instance).slice(0, LABEL_MOST - suffix.length - 1)}-${suffix}`;
  return `${first}.${label(application)}.localhost`;
}
