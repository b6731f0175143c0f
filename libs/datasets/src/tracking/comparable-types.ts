import type { ParameterValueOf } from './scan-conditions';
import type { ColumnFacts } from './table-facts';
import type { HashFamily } from './value-buckets';

interface Comparison {
  column: ColumnFacts;
  columnCast: string | undefined;
  /** As PostgreSQL names it, of the parameter as a whole. */
  parameterType: string;
  value: ParameterValueOf;
}

interface Rule {
  /** Types of parameters that are compared as they are. */
  plain: readonly string[];
  /** The columns that are cast, by their types; the others are not cast. */
  columnCasts: Readonly<Record<string, string>>;
  /** The types that parameters are cast to, by cast. */
  casts: Readonly<Record<string, readonly string[]>>;
}

const integers = ['smallint', 'integer', 'bigint'];
const texts = ['text', 'character varying'];

/**
 * Comparisons by PostgreSQL's own operators of which equal values have equal hashes. A cast of a text is read strictly
 * in bucketOf(), so that a text with a second way of writing a value is not taken for another value.
 */
const rules: Record<HashFamily, Rule> = {
  integer: {
    plain: integers,
    columnCasts: {},
    casts: Object.fromEntries(integers.map((type) => [type, [...integers, ...texts]])),
  },
  text: { plain: ['text'], columnCasts: { 'character varying': 'text' }, casts: { text: texts } },
  character: { plain: ['character', 'bpchar'], columnCasts: {}, casts: {} },
  uuid: { plain: ['uuid'], columnCasts: {}, casts: { uuid: texts } },
  boolean: { plain: ['boolean'], columnCasts: {}, casts: {} },
  macaddr: { plain: ['macaddr'], columnCasts: {}, casts: { macaddr: texts } },
};

const LENGTH = /\(\d+\)$/;

export function canCompare(
  { column, columnCast, parameterType, value }: Comparison,
  canCompareTexts: boolean,
): boolean {
  const { family, typeName } = column;
  if (family === undefined) return false;
  if ((family === 'text' || family === 'character') && !canCompareTexts) return false;
  const rule = rules[family];
  if (columnCast !== rule.columnCasts[typeName]) return false;
  if (value.isArray !== parameterType.endsWith('[]')) return false;
  const type = (value.isArray ? parameterType.slice(0, -2) : parameterType).replace(LENGTH, '');
  return value.cast === undefined
    ? rule.plain.includes(type)
    : (rule.casts[value.cast]?.includes(type) ?? false);
}
