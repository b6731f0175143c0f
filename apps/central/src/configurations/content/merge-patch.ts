/** Where a value of a merged document comes from: `fleet`, `label site:SFO`, `device 01K…`. */
export interface Layer {
  origin: string;
  data: unknown;
}

export interface MergedDocument {
  data: unknown;
  /** By JSON Pointer (RFC 6901), for each value that is no object, and for each empty object. */
  origins: Record<string, string>;
}

/** RFC 7396: objects are merged by name, null takes a name away, everything else replaces what was there. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  // Not by assignment: "__proto__" is a name like any other.
  return Object.fromEntries(merged);
}

/** The first layer is taken as it is, nulls included. */
export function mergeLayers([base, ...overlays]: [Layer, ...Layer[]]): MergedDocument {
  const merged = overlays.reduce((data, layer) => mergePatch(data, layer.data), base.data);
  const origins = leavesOf(merged).map(({ pointer, path, value }) => {
    // The last layer in which the value is named: nothing after it has touched it.
    const layers = [base, ...overlays];
    const layer = layers.findLast(({ data }) => has(data, path, value)) ?? base;
    return [pointer, layer.origin];
  });
  return { data: merged, origins: Object.fromEntries(origins) as Record<string, string> };
}

interface Leaf {
  pointer: string;
  path: string[];
  value: unknown;
}

function leavesOf(value: unknown, path: string[] = []): Leaf[] {
  const names = isObject(value) ? Object.entries(value) : [];
  if (names.length > 0) return names.flatMap(([name, item]) => leavesOf(item, [...path, name]));
  return [{ pointer: path.map((name) => `/${escapeName(name)}`).join(''), path, value }];
}

/** Whether a layer gives the value at the path itself. */
function has(data: unknown, path: string[], value: unknown): boolean {
  let at: unknown = data;
  for (const name of path) {
    if (!isObject(at) || !Object.hasOwn(at, name)) return false;
    at = at[name];
  }
  return isObject(value) ? isObject(at) : at !== null || value === null;
}

export function escapeName(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
