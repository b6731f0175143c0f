/** The fields of a node of EXPLAIN's JSON that are read by name. */
export interface PlanNode {
  Schema?: string;
  'Relation Name'?: string;
  'Function Name'?: string;
  'Sampling Method'?: string;
}

/** Fields of a node that are names, not expressions. */
const NAMES = new Set([
  'Schema',
  'Relation Name',
  'Function Name',
  'Alias',
  'Index Name',
  'CTE Name',
  'Subplan Name',
]);

/** Every node of a plan. */
export function* nodesOf(value: unknown): Generator<PlanNode, void> {
  if (Array.isArray(value)) for (const item of value) yield* nodesOf(item);
  else if (typeof value === 'object' && value !== null) {
    yield value;
    for (const item of Object.values(value)) yield* nodesOf(item);
  }
}

/** The expressions of one node, without those of the nodes below it. */
export function* expressionsOf(node: object): Generator<string, void> {
  for (const [field, value] of Object.entries(node) as [string, unknown][]) {
    if (NAMES.has(field)) continue;
    for (const item of Array.isArray(value) ? value : [value]) if (typeof item === 'string') yield item;
  }
}
