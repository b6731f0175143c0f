import { isAlias, isCollection, isNode, isPair, visit, type Alias, type Document, type Node } from 'yaml';

/**
 * Maximum number of values in a file with its aliases expanded: a thousand datasets with a hundred values each. (yaml's
 * `maxAliasCount` ignores aliases to empty collections, which take as long to expand.)
 */
const MAX_VALUES = 100_000;

/**
 * Finds the target node of each alias.
 *
 * @throws the error from `refuse` for an alias without an anchor, an alias inside its own target, or an alias that
 *   expands to too many values
 */
export function resolveAliases(
  document: Document,
  refuse: (offset: number, problem: string) => Error,
): Map<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Node: (_key, node, path) => {
      if (!isAlias(node)) {
        if (node.anchor !== undefined) anchors.set(node.anchor, node);
        return;
      }
      const { source } = node;
      const target = anchors.get(source);
      const offset = node.range![0];
      if (target === undefined) {
        throw refuse(offset, `*${source} refers to an anchor that is not defined; define &${source} above`);
      }
      if (path.some((outer) => isNode(outer) && outer === target)) {
        throw refuse(offset, `*${source} refers to a node that contains it; write the value out here`);
      }
      targets.set(node, target);
    },
  });
  countValues(document.contents, targets, (alias) =>
    refuse(alias.range![0], 'the aliases expand to more than 100,000 values; use fewer'),
  );
  return targets;
}

function countValues(root: unknown, targets: Map<Alias, Node>, refuse: (alias: Alias) => Error): void {
  const counted = new Map<unknown, number>();
  const count = (node: unknown): number => {
    let values = counted.get(node);
    if (values !== undefined) return values;
    if (isAlias(node)) {
      values = count(targets.get(node));
      if (values > MAX_VALUES) throw refuse(node);
    } else if (isPair(node)) {
      values = count(node.key) + count(node.value);
    } else {
      values = isCollection(node) ? node.items.reduce((sum: number, item) => sum + count(item), 1) : 1;
    }
    counted.set(node, values);
    return values;
  };
  count(root);
}
