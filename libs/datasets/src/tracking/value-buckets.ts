import { types } from 'pg';
import { hashBytes, hashInteger, hashUint32 } from './hash-bytes';

/** Types of which equal values have equal hashes, in PostgreSQL as here. */
export type HashFamily = 'integer' | 'text' | 'character' | 'uuid' | 'boolean' | 'macaddr';

/** Changes are noted by the low bits of a hash, so that there are never more notes of a column than this. */
const BUCKETS = 65_536;

/** Stands for a change that concerns every query which reads the table. */
export const WHOLE_TABLE = 0;

/** The note of a change of rows with this bucket in a column. Fits into an integer of PostgreSQL. */
export function noteOf(attribute: number, bucket: number): number {
  return attribute * BUCKETS + bucket;
}

/** The bucket of a value that is given as text; undefined when the text cannot be read with certainty. */
function bucketOf(family: HashFamily, text: string): number | undefined {
  const hash = hashes[family](text);
  return hash === undefined ? undefined : hash % BUCKETS;
}

/**
 * The buckets of a parameter: none for NULL, which equals nothing; those of the elements of an array.
 * Undefined when one cannot be read with certainty.
 */
export function bucketsOf(
  family: HashFamily,
  { text, isArray }: { text: string | null; isArray: boolean },
): number[] | undefined {
  if (text === null) return [];
  const texts = isArray ? elementsOf(text) : [text];
  const buckets = texts.map((element) => bucketOf(family, element));
  return buckets.includes(undefined) ? undefined : [...new Set(buckets as number[])];
}

const TEXT_ARRAY: number = 1009;

function elementsOf(text: string): string[] {
  const parse = types.getTypeParser(TEXT_ARRAY, 'text') as (source: string) => unknown[];
  // In = ANY an array of arrays is one list, too.
  return parse(text)
    .flat(Infinity)
    .filter((element): element is string => element !== null);
}

const hashes: Record<HashFamily, (text: string) => number | undefined> = {
  integer: hashIntegerText,
  text: (text) => hashBytes(Buffer.from(text)),
  character: (text) => hashBytes(Buffer.from(text.replace(/ +$/, ''))),
  uuid: (text) => hashHex(text.replaceAll('-', ''), 16),
  boolean: (text) => (text === 't' || text === 'f' ? hashUint32(text === 't' ? 1 : 0) : undefined),
  macaddr: (text) => hashHex(text.replaceAll(/[:-]/g, ''), 6),
};

const INTEGER = /^[+-]?\d{1,19}$/;

function hashIntegerText(text: string): number | undefined {
  if (!INTEGER.test(text)) return undefined;
  const value = BigInt(text.replace(/^\+/, ''));
  return value === BigInt.asIntN(64, value) ? hashInteger(value) : undefined;
}

function hashHex(digits: string, bytes: number): number | undefined {
  const isHex = digits.length === bytes * 2 && /^[0-9a-f]*$/i.test(digits);
  return isHex ? hashBytes(Buffer.from(digits, 'hex')) : undefined;
}
