/** @param label - `name:value` */
export function hasLabel(labels: Record<string, string>, label: string): boolean {
  const colon = label.indexOf(':');
  const name = label.slice(0, colon);
  return Object.hasOwn(labels, name) && labels[name] === label.slice(colon + 1);
}
