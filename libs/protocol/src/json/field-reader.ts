/** Says where a decoded JSON document is not as expected: `tables[2].checksum is not a SHA-256 in hex`. */
export class ShapeError extends Error {}

/** Reads fields of decoded JSON by name, type and pattern. Ignores unknown fields. */
export class FieldReader {
  private readonly fields: Record<string, unknown>;

  constructor(
    value: unknown,
    private readonly path: string,
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new ShapeError(`${path || 'the document'} is not an object`);
    }
    this.fields = value as Record<string, unknown>;
  }

  text(name: string, pattern?: RegExp, expected = 'a string'): string {
    const value = this.value(name);
    if (typeof value !== 'string' || (pattern !== undefined && !pattern.test(value)))
      this.fail(name, expected);
    return value;
  }

  /** Undefined if the field is missing. */
  optionalText(name: string, pattern: RegExp, expected: string): string | undefined {
    return this.value(name) === undefined ? undefined : this.text(name, pattern, expected);
  }

  /** Undefined if the field is missing. */
  optionalFlag(name: string): boolean | undefined {
    const value = this.value(name);
    if (value !== undefined && typeof value !== 'boolean') this.fail(name, 'true or false');
    return value;
  }

  /** A whole number from 0 to 2^53 − 1. */
  count(name: string): number {
    const value = this.value(name);
    if (!Number.isSafeInteger(value) || (value as number) < 0) this.fail(name, 'a whole number');
    return value as number;
  }

  /** A number above 0 and at most 1; undefined if the field is missing. */
  optionalShare(name: string): number | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !(value > 0 && value <= 1))
      this.fail(name, 'a number above 0, at most 1');
    return value;
  }

  list<T>(name: string, maxLength: number, read: (item: unknown, path: string) => T): T[] {
    const value = this.value(name);
    if (!Array.isArray(value) || value.length > maxLength) this.fail(name, `a list of at most ${maxLength}`);
    return value.map((item, index) => read(item, `${this.pathOf(name)}[${index}]`));
  }

  fail(name: string, expected: string): never {
    throw new ShapeError(`${this.pathOf(name)} is not ${expected}`);
  }

  private value(name: string): unknown {
    return Object.hasOwn(this.fields, name) ? this.fields[name] : undefined;
  }

  private pathOf(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}

/** For lists of strings. */
export function readText(item: unknown, path: string): string {
  if (typeof item !== 'string') throw new ShapeError(`${path} is not a string`);
  return item;
}

export const patterns = {
  sha256: /^[0-9a-f]{64}$/,
  /** Crockford base 32, 128 bits: https://github.com/ulid/spec */
  ulid: /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/,
  /** The thumbprint of a key (RFC 7638, SHA-256). */
  thumbprint: /^[A-Za-z0-9_-]{43}$/,
  nonce: /^[A-Za-z0-9_-]{16,64}$/,
  timestamp: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/,
} as const;
