import { RivuletError } from '@rivulet/protocol';
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type YAMLError,
} from 'yaml';

/** The error of a datasets file. `place` is `path:line:column`, `problem` a sentence without its full stop. */
export function invalidFile(place: string, problem: string): RivuletError {
  return new RivuletError('DATASETS_FILE_INVALID', `${place}: ${problem}.`);
}

/** A text of the file, which can say where each of its characters stands. */
export interface PlacedText {
  text: string;
  /** `path:line:column` of the character at `offset`; of the whole text where YAML folded or escaped it. */
  placeOf: (offset: number) => string;
}

interface YamlFile {
  path: string;
  source: string;
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
    const text = source.replace(/^\uFEFF/, '');
    const lineCounter = new LineCounter();
    const document = parseDocument(text, { lineCounter, prettyErrors: false });
    const file = { path, source: text, lines: text.split('\n'), lineCounter, document };
    const root = new YamlNode(file, document.contents, 0);
    const [error] = document.errors;
    if (error !== undefined) throw root.invalid(describeSyntaxError(error), error.pos[0]);
    return root;
  }

  get place(): string {
    return this.placeAt(this.offset);
  }

  /** The error that names this place. */
  invalid(problem: string, offset = this.offset): RivuletError {
    return invalidFile(this.placeAt(offset), problem);
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
        throw this.invalid(`${what} has the unknown field "${key}" (known: ${names.join(', ')})`, keyOffset);
      }
      fields[name] = this.child(pair.value as Node | null, keyOffset);
    }
    return fields;
  }

  items(what: string): YamlNode[] {
    const { node } = this;
    if (isScalar(node) && node.value !== null) {
      throw this.invalid(`${what} must be a list; put it in brackets: [${node.source}]`);
    }
    if (!isSeq(node)) throw this.invalid(`${what} must be a list`);
    return node.items.map((item) => this.child(item as Node, this.offset));
  }

  text(what: string): PlacedText {
    const { node } = this;
    if (!isScalar(node) || node.value === null) throw this.invalid(`${what} must be a text`);
    const { value } = node;
    if (typeof value !== 'string') {
      throw this.invalid(`${what} must be a text; put it in quotes: "${node.source}"`);
    }
    if (value.trim() === '') throw this.invalid(`${what} is empty`);
    return { text: value, placeOf: (offset) => this.placeInText(node.type, value, offset) };
  }

  is(value: number): boolean {
    return isScalar(this.node) && this.node.value === value;
  }

  private get offset(): number {
    return this.node?.range?.[0] ?? this.fallbackOffset;
  }

  private child(node: Node | null, fallbackOffset: number): YamlNode {
    if (!isAlias(node)) return new YamlNode(this.file, node, fallbackOffset);
    const resolved = node.resolve(this.file.document);
    if (resolved === undefined) {
      throw this.invalid(
        `*${node.source} refers to no anchor; name it with &${node.source} above`,
        node.range![0],
      );
    }
    return new YamlNode(this.file, resolved, fallbackOffset);
  }

  private placeAt(offset: number): string {
    const { line, col } = this.file.lineCounter.linePos(offset);
    // Of a file without a single line the counter says 0.
    return `${this.file.path}:${Math.max(1, line)}:${Math.max(1, col)}`;
  }

  private placeInText(type: string | undefined, text: string, offset: number): string {
    if (type === 'BLOCK_LITERAL') return this.placeInBlock(text, offset);
    const start = this.offset + (type === 'PLAIN' ? 0 : 1);
    const isAsWritten = type !== 'BLOCK_FOLDED' && this.file.source.startsWith(text, start);
    return isAsWritten ? this.placeAt(start + offset) : this.place;
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

/** The likely mistakes in words that say what to do; the parser's own for the rest. */
function describeSyntaxError(error: YAMLError): string {
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return 'this line is indented with a tab; YAML takes only spaces';
    case 'DUPLICATE_KEY':
      return 'this field is here for the second time; keep one of the two';
    case 'MULTIPLE_DOCS':
      return 'a second document begins here; keep everything in one, without `---`';
    default:
      return `this is not valid YAML: ${error.message}`;
  }
}
