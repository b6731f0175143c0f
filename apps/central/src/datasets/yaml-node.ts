import { RivuletError } from '@rivulet/protocol';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';

/** A text of the file, which can say where each of its characters stands. */
export interface PlacedText {
  text: string;
  /** `path:line:column` of the character at `offset`; of the whole text where YAML folded or escaped it. */
  placeOf: (offset: number) => string;
}

interface YamlFile {
  path: string;
  lines: string[];
  lineCounter: LineCounter;
  document: Document;
}

/**
 * A value of a YAML file, read by the shape that it must have.
 * Every complaint is a RivuletError DATASETS_FILE_INVALID that begins with `path:line:column`.
 */
export class YamlNode {
  private constructor(
    private readonly file: YamlFile,
    private readonly node: Node | null,
    /** Where to point when there is no node. */
    private readonly fallbackOffset: number,
  ) {}

  static parse(path: string, source: string): YamlNode {
    const lineCounter = new LineCounter();
    const document = parseDocument(source, { lineCounter, prettyErrors: false });
    const file = { path, lines: source.split('\n'), lineCounter, document };
    const root = new YamlNode(file, document.contents, 0);
    const [error] = document.errors;
    if (error !== undefined) throw root.invalid(error.message, error.pos[0]);
    return root;
  }

  get place(): string {
    return this.placeAt(this.offset);
  }

  /** The error that names this place. */
  invalid(problem: string, offset = this.offset): RivuletError {
    return new RivuletError('DATASETS_FILE_INVALID', `${this.placeAt(offset)}: ${problem}`);
  }

  /** The values of a mapping, which may have these fields and no others. */
  fields<Name extends string>(what: string, names: readonly Name[]): Partial<Record<Name, YamlNode>> {
    const { node } = this;
    if (!isMap(node)) throw this.invalid(`${what} must be a mapping with ${names.join(', ')}`);
    const fields: Partial<Record<Name, YamlNode>> = {};
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      const keyOffset = (pair.key as Node).range![0];
      const name = names.find((candidate) => candidate === key);
      if (name === undefined) {
        throw this.invalid(
          `${what} has the unknown field "${key}"; known are ${names.join(', ')}`,
          keyOffset,
        );
      }
      fields[name] = this.child(pair.value as Node | null, keyOffset);
    }
    return fields;
  }

  items(what: string): YamlNode[] {
    if (!isSeq(this.node)) throw this.invalid(`${what} must be a list`);
    return this.node.items.map((item) => this.child(item as Node, this.offset));
  }

  text(what: string): PlacedText {
    const { node } = this;
    if (!isScalar(node) || typeof node.value !== 'string' || node.value.trim() === '') {
      throw this.invalid(`${what} must be a text`);
    }
    const isLiteralBlock = node.type === 'BLOCK_LITERAL';
    const { value } = node;
    return {
      text: value,
      placeOf: (offset) => (isLiteralBlock ? this.placeInBlock(value, offset) : this.place),
    };
  }

  number(what: string): number {
    if (!isScalar(this.node) || typeof this.node.value !== 'number')
      throw this.invalid(`${what} must be a number`);
    return this.node.value;
  }

  private get offset(): number {
    return this.node?.range?.[0] ?? this.fallbackOffset;
  }

  private child(node: Node | null, fallbackOffset: number): YamlNode {
    const resolved = isAlias(node) ? (node.resolve(this.file.document) ?? null) : node;
    return new YamlNode(this.file, resolved, fallbackOffset);
  }

  private placeAt(offset: number): string {
    const { line, col } = this.file.lineCounter.linePos(offset);
    return `${this.file.path}:${line}:${col}`;
  }

  /** The block's text begins on the line after its `|`, each line behind the indentation of the first. */
  private placeInBlock(text: string, offset: number): string {
    const before = text.slice(0, offset).split('\n');
    const firstLine = this.file.lineCounter.linePos(this.offset).line;
    const indentation = this.file.lines
      .slice(firstLine)
      .find((line) => line.trim() !== '')!
      .search(/\S/);
    const firstTextLine = text.split('\n').find((line) => line.trim() !== '')!;
    const ownIndentation = firstTextLine.search(/\S/);
    const column = indentation - ownIndentation + before.at(-1)!.length + 1;
    return `${this.file.path}:${firstLine + before.length}:${column}`;
  }
}
