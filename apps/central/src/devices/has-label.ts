/** @param label - `name:value` */
export function hasLabel(labels: Record<string, string>, label: string): boolean {
  const colon = label.indexOf(':');
  const name = label.slice(0, colon);
  return Object.hasOwn(labels, name) && labels[name] === label.slice(colon + 1);
}

/** For `labels @> …` in SQL, which holds for devices that have the label. */
export function labelJson(label: string): string {
  const colon = label.indexOf(':');
  return JSON.stringify({ [label.slice(0, colon)]: label.slice(colon + 1) });
}
