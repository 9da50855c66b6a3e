/**
 * A body without the members that are `null`: clients send such for what they do not set, so that absent and `null` mean
 * the same. In a map the names are the client's own, and an entry of one that holds nothing is a mistake: there a
 * `null` stays for the schema to refuse.
 */
export function withoutNulls(value: unknown, schema: unknown): unknown {
  if (Array.isArray(value)) {
    const items = memberOf(schema, 'items');
    return value.map((item: unknown) => withoutNulls(item, items));
  }
  if (typeof value !== 'object' || value === null) return value;
  const kept: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const entry = entryOf(schema);
    const inner = memberOf(memberOf(schema, 'properties'), name) ?? entry;
    if (member === null && (entry === undefined || inner !== entry)) continue;
    kept[name] = withoutNulls(member, inner);
  }
  return kept;
}

/** What the entries of a map must be; absent: it is no map, or anything may be in it. */
function entryOf(schema: unknown): unknown {
  const patterns = memberOf(schema, 'patternProperties');
  const [entry] = typeof patterns === 'object' && patterns !== null ? Object.values(patterns) : [];
  return memberOf(entry, 'type') === undefined ? undefined : entry;
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}
