import { childOf, nodesOf, wordOf, type TreeNode, type TreeValue } from './node-tree';

/** How often a query names each relation, with views opened: as often as its plan scans them, if it leaves none out. */
export interface References {
  /** By OID, with what inherits from it. */
  all: Map<string, number>;
  /** With ONLY. */
  only: Map<string, number>;
  /** Relations whose columns the query gives other names, which are those that a plan shows. */
  renamed: Set<string>;
  /** Whether a subquery returns the result of another one: where it is merged with the query, that can be planned twice. */
  mayRepeat: boolean;
}

/** The tree of a view's query by the view's OID; undefined for what is no view. */
type RuleOf = (oid: string) => readonly TreeValue[] | undefined;

export function relationReferences(tree: readonly TreeValue[], ruleOf: RuleOf): References {
  const references: References = { all: new Map(), only: new Map(), renamed: new Set(), mayRepeat: false };
  new Counter(references, ruleOf).count(tree, 1, []);
  return references;
}

class Counter {
  private depth = 0;

  constructor(
    private readonly references: References,
    private readonly ruleOf: RuleOf,
  ) {}

  /** @param within the views whose queries this is part of */
  count(values: readonly TreeValue[], times: number, within: string[]): void {
    for (const value of values) {
      if (typeof value === 'string') continue;
      if (Array.isArray(value)) this.count(value, times, within);
      else this.countNode(value, times, within);
    }
  }

  private countNode(node: TreeNode, times: number, within: string[]): void {
    if (isRelation(node)) this.countRelation(node, times, within);
    const inner = node.tag === 'COMMONTABLEEXPR' ? times * timesPlanned(node) : times;
    const isQuery = node.tag === 'QUERY';
    if (isQuery) this.depth += 1;
    if (isQuery && this.depth > OWN_QUERY && returnsSubquery(node)) this.references.mayRepeat = true;
    for (const values of node.fields.values()) this.count(values, inner, within);
    if (isQuery) this.depth -= 1;
  }

  private countRelation(node: TreeNode, times: number, within: string[]): void {
    const oid = wordOf(node, 'relid')!;
    // Up to version 15 the query of a view names the view itself, and does not read it.
    if (within.includes(oid)) return;
    if (hasColumnNames(node)) this.references.renamed.add(oid);
    const rule = this.ruleOf(oid);
    if (rule !== undefined) this.count(rule, times, [...within, oid]);
    else {
      const counts = wordOf(node, 'inh') === 'true' ? this.references.all : this.references.only;
      counts.set(oid, (counts.get(oid) ?? 0) + times);
    }
  }
}

/** parseQuery() wraps the query, and the wrapper names each of its columns once. */
const OWN_QUERY = 2;

function returnsSubquery(query: TreeNode): boolean {
  for (const { tag } of nodesOf(query.fields.get('targetList') ?? [])) if (tag === 'SUBLINK') return true;
  return false;
}

/** RTE_RELATION is 0. */
function isRelation(node: TreeNode): boolean {
  return (node.tag === 'RTE' || node.tag === 'RANGETBLENTRY') && wordOf(node, 'rtekind') === '0';
}

/** `FROM users AS u (a, b)` */
function hasColumnNames(node: TreeNode): boolean {
  const [names] = childOf(node, 'alias')?.fields.get('colnames') ?? [];
  return Array.isArray(names) && names.length > 0;
}

const CTE_MATERIALIZE_NEVER = '2';

/** One that is named more than once is planned once, unless it is NOT MATERIALIZED. */
function timesPlanned(node: TreeNode): number {
  const references = Number(wordOf(node, 'cterefcount') ?? '0');
  return wordOf(node, 'ctematerialized') === CTE_MATERIALIZE_NEVER ? references : Math.min(references, 1);
}
