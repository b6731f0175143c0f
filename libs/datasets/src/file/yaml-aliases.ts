import { isAlias, isCollection, isNode, isPair, visit, type Alias, type Document, type Node } from 'yaml';

/**
 * How many values a file may have when its aliases are written out: a thousand datasets with a hundred each. (The
 * `maxAliasCount` of yaml takes no notice of aliases to what is empty, and these take as long to follow.)
 */
const MAX_VALUES = 100_000;

/**
 * The node that each alias stands for.
 *
 * @throws what `refuse` makes of an alias that stands for nothing, for what it is part of, or, with all that its
 *   node refers to in turn, for so much that reading it would take forever
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
        throw refuse(offset, `*${source} refers to no anchor; name it with &${source} above`);
      }
      if (path.some((outer) => isNode(outer) && outer === target)) {
        throw refuse(offset, `*${source} is part of what it refers to; write that out here`);
      }
      targets.set(node, target);
    },
  });
  countValues(document.contents, targets, (alias) =>
    refuse(alias.range![0], 'aliases refer to aliases so often that the file would have no end; use fewer'),
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
