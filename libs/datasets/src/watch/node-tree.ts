/**
 * PostgreSQL's text form of a parsed query (pg_node_tree), as it stands in pg_proc.prosqlbody, pg_rewrite.ev_action,
 * pg_policy.polqual and others: `{FUNCEXPR :funcid 1299 :args <> …}`. Source: src/backend/nodes/outfuncs.c.
 */
export interface TreeNode {
  /** `FUNCEXPR` */
  tag: string;
  /** The values that follow each `:field`; a field can have several, as that of a constant has. */
  fields: ReadonlyMap<string, readonly TreeValue[]>;
}

/** A word, a node or a list. Words are unescaped; an absent value is `<>`. */
export type TreeValue = string | TreeNode | TreeValue[];

/** Reads all of a text. @throws when it is none */
export function parseNodeTree(text: string): TreeValue[] {
  const reader = new TreeReader(text);
  const values: TreeValue[] = [];
  while (!reader.isAtEnd) values.push(reader.readValue());
  return values;
}

/** Every node in these values, outer ones first. */
export function* nodesOf(values: readonly TreeValue[]): Generator<TreeNode, void> {
  for (const value of values) {
    if (typeof value === 'string') continue;
    if (Array.isArray(value)) yield* nodesOf(value);
    else {
      yield value;
      for (const field of value.fields.values()) yield* nodesOf(field);
    }
  }
}

/** The only value of a field, when that is a word other than `<>`. */
export function wordOf(node: TreeNode, field: string): string | undefined {
  const [value] = node.fields.get(field) ?? [];
  return typeof value === 'string' && value !== '<>' ? value : undefined;
}

/** The node in a field. */
export function childOf(node: TreeNode, field: string): TreeNode | undefined {
  const [value] = node.fields.get(field) ?? [];
  return typeof value === 'object' && !Array.isArray(value) ? value : undefined;
}

const SPACE = /\s/;
const DELIMITER = /[\s(){}]/;

class TreeReader {
  private place = 0;

  constructor(private readonly text: string) {
    this.skipSpace();
  }

  get isAtEnd(): boolean {
    return this.place >= this.text.length;
  }

  readValue(): TreeValue {
    const start = this.text[this.place];
    if (start === '{') return this.readNode();
    if (start === '(') return this.readList();
    return this.readWord();
  }

  private readNode(): TreeNode {
    this.skip(1);
    const tag = this.readWord();
    const fields = new Map<string, TreeValue[]>();
    while (!this.takes('}')) this.readField(fields);
    return { tag, fields };
  }

  /** The first value may begin with a colon, too: a name that the user chose. */
  private readField(fields: Map<string, TreeValue[]>): void {
    const name = this.readWord();
    if (!name.startsWith(':')) throw new Error(`unreadable node tree: "${name}" where a field begins`);
    const values = [this.readValue()];
    while (this.text[this.place] !== ':' && this.text[this.place] !== '}') values.push(this.readValue());
    fields.set(name.slice(1), values);
  }

  private readList(): TreeValue[] {
    this.skip(1);
    const values: TreeValue[] = [];
    while (!this.takes(')')) values.push(this.readValue());
    return values;
  }

  private readWord(): string {
    if (this.isAtEnd) throw new Error('unreadable node tree: it ends too early');
    let word = '';
    while (!this.isAtEnd && !DELIMITER.test(this.text[this.place]!)) {
      if (this.text[this.place] === '\\') this.place += 1;
      word += this.text[this.place] ?? '';
      this.place += 1;
    }
    if (word === '') throw new Error(`unreadable node tree: "${this.text[this.place]}" where a value begins`);
    this.skipSpace();
    return word;
  }

  private takes(mark: string): boolean {
    if (this.isAtEnd) throw new Error('unreadable node tree: it ends too early');
    if (this.text[this.place] !== mark) return false;
    this.skip(1);
    return true;
  }

  private skip(count: number): void {
    this.place += count;
    this.skipSpace();
  }

  private skipSpace(): void {
    while (!this.isAtEnd && SPACE.test(this.text[this.place]!)) this.place += 1;
  }
}
