import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Alias,
  type Node,
  type Pair,
  type YAMLError,
} from 'yaml';
import { didYouMean, FileProblem, FileProblems, nearestName } from './file-problems';
import { resolveAliases } from './yaml-aliases';

/** A string of the file that can say where each of its characters is. */
export interface PlacedText {
  text: string;
  /** `path:line:column` of the character at `offset`; of the whole string if YAML folded or escaped it. */
  placeOf: (offset: number) => string;
}

interface YamlFile {
  path: string;
  source: string;
  lines: string[];
  lineCounter: LineCounter;
  /** The target nodes of aliases. */
  aliases: Map<Alias, Node>;
  problems: FileProblems;
}

/** YAML 1.1's merge key, which most YAML parsers still support: `<<: *defaults`. */
const MERGE_KEY = '<<';

/** Fields with this prefix are ignored, as in Compose files: a place for anchors. */
const EXTENSION_PREFIX = 'x-';

/**
 * A value of a YAML file, with methods that read it as the expected type. They throw a FileProblem, or add one to the
 * file's problems if reading can continue.
 */
export class YamlNode {
  private constructor(
    private readonly file: YamlFile,
    private readonly node: Node | null,
    /** The position to report if there is no node. */
    private readonly fallbackOffset: number,
  ) {}

  static parse(path: string, source: string, problems = new FileProblems()): YamlNode {
    const text = source.replace(/^\uFEFF/, '');
    const lineCounter = new LineCounter();
    const document = parseDocument(text, { lineCounter, prettyErrors: false });
    const aliases = new Map<Alias, Node>();
    const file = { path, source: text, lines: text.split('\n'), lineCounter, aliases, problems };
    const root = new YamlNode(file, document.contents, 0);
    const [error] = document.errors;
    if (error !== undefined) throw root.invalid(describeSyntaxError(error), error.pos[0]);
    file.aliases = resolveAliases(document, (offset, problem) => root.invalid(problem, offset));
    return root;
  }

  get place(): string {
    return this.placeAt(this.offset);
  }

  /** An error at this place. */
  invalid(problem: string, offset = this.offset): FileProblem {
    return new FileProblem(this.placeAt(offset), problem);
  }

  /**
   * The values of a mapping that may have these fields and, if it `mayExtend`, others that begin with `x-`. Any other field
   * is a problem, and is read as the field that was probably meant.
   */
  fields<Name extends string>(
    what: string,
    names: readonly Name[],
    { mayExtend = false } = {},
  ): Partial<Record<Name, YamlNode>> {
    const fields: Partial<Record<Name, YamlNode>> = {};
    const misspelt: [Name, YamlNode][] = [];
    for (const { key, keyOffset, value } of this.entries(
      `${what} must be a mapping with ${names.join(', ')}`,
    )) {
      if (mayExtend && key.startsWith(EXTENSION_PREFIX)) continue;
      const name = names.find((candidate) => candidate === key);
      if (name !== undefined) {
        fields[name] ??= value;
        continue;
      }
      const problem = `${what} has the unknown field "${key}" (known: ${names.join(', ')})`;
      this.file.problems.add(this.placeAt(keyOffset), problem + didYouMean(key, names));
      const meant = nearestName(key, names);
      if (meant !== undefined) misspelt.push([meant, value]);
    }
    for (const [name, value] of misspelt) fields[name] ??= value;
    return fields;
  }

  /** The entries of a mapping whose keys are the author's own. */
  namedEntries(what: string): { key: string; value: YamlNode }[] {
    return this.entries(`${what} must be a mapping`);
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
    const text = this.anyText(what);
    if (text.text.trim() === '') throw this.invalid(`${what} is empty`);
    return text;
  }

  /** Like `text`, but may be blank or empty. */
  anyText(what: string): PlacedText {
    const { node } = this;
    if (!isScalar(node) || node.value === null) throw this.invalid(`${what} must be a string`);
    const { value } = node;
    if (typeof value !== 'string') {
      throw this.invalid(`${what} must be a string; put it in quotes: "${node.source}"`);
    }
    return { text: value, placeOf: (offset) => this.placeInText(node.type, value, offset) };
  }

  get isList(): boolean {
    return isSeq(this.node);
  }

  get isMapping(): boolean {
    return isMap(this.node);
  }

  /** The source text of a scalar, without quotes. */
  get written(): string | undefined {
    return isScalar(this.node) ? this.node.source : undefined;
  }

  is(value: number): boolean {
    return isScalar(this.node) && this.node.value === value;
  }

  private get offset(): number {
    return this.node?.range?.[0] ?? this.fallbackOffset;
  }

  /** The entries of a mapping: its own first, then merged ones, so that the first of a name takes effect. */
  private entries(problem: string): Entry[] {
    const { node } = this;
    if (!isMap(node)) throw this.invalid(problem);
    const merged: Entry[] = [];
    const own: Entry[] = [];
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      const keyOffset = pair.key.range![0];
      const value = this.child(pair.value, keyOffset);
      if (key === MERGE_KEY) merged.push(...value.mergedEntries());
      else own.push({ key, keyOffset, value });
    }
    return [...own, ...merged];
  }

  private mergedEntries(): Entry[] {
    const problem = `${MERGE_KEY} can merge only mappings: \`${MERGE_KEY}: *anchor\``;
    if (!isSeq(this.node)) return this.entries(problem);
    return this.items(MERGE_KEY).flatMap((item) => item.entries(problem));
  }

  private child(node: Node | null, fallbackOffset: number): YamlNode {
    return new YamlNode(this.file, isAlias(node) ? this.file.aliases.get(node)! : node, fallbackOffset);
  }

  private placeAt(offset: number): string {
    const { line, col } = this.file.lineCounter.linePos(offset);
    // The counter returns 0 for an empty file.
    return `${this.file.path}:${Math.max(1, line)}:${Math.max(1, col)}`;
  }

  private placeInText(type: string | undefined, text: string, offset: number): string {
    if (type === 'BLOCK_LITERAL') return this.placeInBlock(text, offset);
    const start = this.offset + (type === 'PLAIN' ? 0 : 1);
    const isAsWritten = type !== 'BLOCK_FOLDED' && this.file.source.startsWith(text, start);
    return isAsWritten ? this.placeAt(start + offset) : this.place;
  }

  /** A block's text begins on the line after `|`; each line has the indentation of the first. */
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

interface Entry {
  key: string;
  keyOffset: number;
  value: YamlNode;
}

/** Common mistakes with a next step; the parser's own message for the rest. */
function describeSyntaxError(error: YAMLError): string {
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return 'this line is indented with a tab; YAML allows only spaces';
    case 'DUPLICATE_KEY':
      return 'this field is defined twice; keep one of them';
    case 'MULTIPLE_DOCS':
      return 'a second YAML document begins here; use one document, without `---`';
    default:
      return `this is not valid YAML: ${error.message}`;
  }
}
