/** The fields of a node of EXPLAIN's JSON that are looked at by name. */
export interface PlanNode {
  Schema?: string;
  'Relation Name'?: string;
  'Function Name'?: string;
  'Sampling Method'?: string;
}

/** What is said in an expression or a query. */
export interface Said {
  /** What stands before a parenthesis: the name, and the schema if it is given. */
  calls: { schema: string | undefined; name: string }[];
  /** CURRENT_DATE and the like, which print as a word. */
  clock: string | undefined;
  operators: string[];
  /** With their quotes. */
  literals: string[];
  /** The type names behind `::`, as PostgreSQL prints them. */
  casts: string[];
}

const IDENTIFIER = String.raw`(?:"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*)`;

// In order: what hides anything else (strings, dollar quotes, comments), then names, casts and operators.
const tokens = new RegExp(
  [
    String.raw`(?<literal>\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*')`,
    String.raw`(?<![\w$])\$(?<tag>[A-Za-z_]\w*|)\$[\s\S]*?\$\k<tag>\$`,
    String.raw`--[^\n]*|/\*[\s\S]*?\*/`,
    String.raw`::\s*(?<cast>${IDENTIFIER}(?:\.${IDENTIFIER}| [a-z]+)*)`,
    String.raw`(?:(?<schema>${IDENTIFIER})\.)?(?<name>${IDENTIFIER})(?<call>\s*\()?`,
    String.raw`(?<operator>[-+*/<>=~!@#%^&|\x60?]+)`,
  ].join('|'),
  'gu',
);

const CLOCKS = /^(CURRENT_DATE|CURRENT_TIME|CURRENT_TIMESTAMP|LOCALTIME|LOCALTIMESTAMP)$/i;

/** Takes apart what PostgreSQL prints, or what somebody wrote. */
export function readText(text: string): Said {
  const said: Said = { calls: [], clock: undefined, operators: [], literals: [], casts: [] };
  for (const { groups } of text.matchAll(tokens)) {
    const { literal, cast, schema, name, call, operator } = groups!;
    if (literal !== undefined) said.literals.push(literal);
    if (cast !== undefined) said.casts.push(cast);
    if (operator !== undefined) said.operators.push(operator);
    if (name === undefined) continue;
    if (schema === undefined && CLOCKS.test(name)) said.clock ??= name.toUpperCase();
    else if (call !== undefined) said.calls.push({ schema: schema && bare(schema), name: bare(name) });
  }
  return said;
}

/** Every object of a plan. */
export function* nodesOf(value: unknown): Generator<PlanNode, void> {
  if (Array.isArray(value)) for (const item of value) yield* nodesOf(item);
  else if (typeof value === 'object' && value !== null) {
    yield value;
    for (const item of Object.values(value)) yield* nodesOf(item);
  }
}

/** Fields of a node that are names, and no expressions. */
const NAMES = new Set([
  'Schema',
  'Relation Name',
  'Function Name',
  'Alias',
  'Index Name',
  'CTE Name',
  'Subplan Name',
]);

/** The expressions of one node, but not those of the nodes below it. */
export function* textsOf(node: object): Generator<string, void> {
  for (const [field, value] of Object.entries(node) as [string, unknown][]) {
    if (NAMES.has(field)) continue;
    for (const item of Array.isArray(value) ? value : [value]) if (typeof item === 'string') yield item;
  }
}

function bare(identifier: string): string {
  if (!identifier.startsWith('"')) return identifier.toLowerCase();
  return identifier.slice(1, -1).replaceAll('""', '"');
}
