export interface JsonLimits {
  maxDepth: number;
  /** Objects, lists, texts, numbers, `true`, `false` and `null`, counted together. */
  maxValues: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Counts what a JSON text holds without building any of it: 349,000 empty objects fit in a mebibyte, and cost 40 of
 * memory and seconds of validation. It stops at the first limit, and leaves the grammar to the parser.
 *
 * @returns the number of names in it, or which limit it breaks
 */
export function measureJson(text: string, { maxDepth, maxValues }: JsonLimits): number | keyof JsonLimits {
  let depth = 0;
  let values = 1;
  let names = 0;
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case QUOTE:
        index = endOfString(text, index);
        break;
      case 0x7b: // {
      case 0x5b: // [
        if (++depth > maxDepth) return 'maxDepth';
        if (++values > maxValues) return 'maxValues';
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth--;
        break;
      case 0x2c: // ,
        if (++values > maxValues) return 'maxValues';
        break;
      case 0x3a: // :
        names++;
    }
  }
  return names;
}

/** A name that stands twice in one object: parsers keep one of its values, and not all the same one. */
export function findRepeatedName(text: string): string | undefined {
  const seen: Set<string>[] = [];
  let last = '';
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === '"') {
      const start = index;
      index = endOfString(text, start);
      last = text.slice(start, index + 1);
    } else if (character === '{') seen.push(new Set());
    else if (character === '}') seen.pop();
    else if (character === ':') {
      const name = JSON.parse(last) as string;
      if (seen.at(-1)?.has(name) === true) return name;
      seen.at(-1)?.add(name);
    }
  }
  return undefined;
}

/** The place of the quote that ends the string, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end;
  }
  return text.length;
}
