/**
 * The one text of a JSON value (RFC 8785): names in the order of their UTF-16 units, no white space, numbers and texts as
 * ECMAScript prints them. Not by way of a sorted object: names such as "10" come first in any.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = value as Record<string, unknown>;
  const members = Object.keys(fields)
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(fields[name])}`);
  return `{${members.join(',')}}`;
}
