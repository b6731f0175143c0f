import type { YamlNode } from '@rivulet/datasets';
import type { Condition, Permission } from './topic-rules';

const MAX_VALUES = 1_000;

/** `any`, `none`, a mapping of claims to the values that are let in, or a list of such mappings. */
export function readPermission(node: YamlNode | undefined, what: string): Permission {
  if (node === undefined) return [];
  if (node.isMapping) return [readCondition(node, what)];
  if (node.isList) {
    const conditions = node.items(what).map((item) => readCondition(item, what));
    if (conditions.length === 0) throw node.invalid(`${what} is an empty list; write none`);
    return conditions;
  }
  if (node.written === 'any') return 'any';
  if (node.written === 'none') return [];
  throw node.invalid(`${what} must be any, none, or claims with their values: { role: [nurse, doctor] }`);
}

function readCondition(node: YamlNode, what: string): Condition {
  const entries = node.namedEntries(what);
  if (entries.length === 0) throw node.invalid(`${what} names no claim; write any or none`);
  return new Map(entries.map(({ key, value }) => [key, readValues(value, `claim ${key} in ${what}`)]));
}

function readValues(node: YamlNode, what: string): ReadonlySet<string> {
  const nodes = node.isList ? node.items(what) : [node];
  const values = nodes.map((value) => {
    const { written } = value;
    if (written === undefined || written === '')
      throw value.invalid(`${what} needs a value, or a list of values`);
    return written;
  });
  if (values.length === 0 || values.length > MAX_VALUES)
    throw node.invalid(`${what} has ${values.length} values; it must have 1 to ${MAX_VALUES}`);
  return new Set(values);
}
