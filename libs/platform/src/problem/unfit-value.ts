import type { FieldError } from '@rivulet/errors';

/** The names in a parsed body, and its unfit values. */
export interface BodyContent {
  names: number;
  /** The first value that no field of any request can take. */
  unfit?: FieldError;
}

const MAX_PATH_CHARACTERS = 200;

/** @param hasEscapes - whether a text can hold what cannot stand in JSON as it is, such as NUL */
export function inspectBody(body: unknown, hasEscapes: boolean): BodyContent {
  const content: BodyContent = { names: 0 };
  inspect(body, '', hasEscapes, content);
  return content;
}

/** Recursive: the depth has been limited before. */
function inspect(value: unknown, path: string, hasEscapes: boolean, content: BodyContent): void {
  if (typeof value === 'number' || typeof value === 'string') {
    const reason = typeof value === 'number' ? unfitNumber(value) : hasEscapes ? unfitText(value) : undefined;
    if (reason !== undefined) content.unfit ??= { field: shorten(path), reason };
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) inspect(item, `${path}[${index}]`, hasEscapes, content);
  } else if (typeof value === 'object' && value !== null) {
    inspectObject(value, path, hasEscapes, content);
  }
}

function inspectObject(value: object, path: string, hasEscapes: boolean, content: BodyContent): void {
  for (const [name, field] of Object.entries(value)) {
    content.names++;
    if (hasEscapes && unfitText(name) !== undefined) {
      content.unfit ??= {
        field: shorten(path),
        reason: 'has a field whose name holds NUL or half a surrogate pair',
      };
    }
    inspect(field, path === '' ? name : `${path}.${name}`, hasEscapes, content);
  }
}

/** The numbers that JSON.parse rounds without a word. */
function unfitNumber(value: number): string | undefined {
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) {
    return Number.isFinite(value) ? undefined : 'is larger than any number that can be stored';
  }
  return 'must be a whole number from -(2^53 - 1) to 2^53 - 1, or a fraction';
}

/** PostgreSQL stores neither in a text. */
export function unfitText(value: string): string | undefined {
  if (value.includes('\0')) return 'must not contain NUL (U+0000)';
  return value.isWellFormed() ? undefined : 'must not contain half of a surrogate pair';
}

function shorten(path: string): string {
  if (path === '') return 'body';
  return path.length > MAX_PATH_CHARACTERS ? `${path.slice(0, MAX_PATH_CHARACTERS)}…` : path;
}
