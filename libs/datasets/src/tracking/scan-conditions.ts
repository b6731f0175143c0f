import { nameOf, significantTokens, type SqlToken } from '@rivulet/snapshot';

/** `column = $n`, or `column = ANY ($n)`, as it stands in the filter of a scan. */
export interface ScanCondition {
  column: string;
  /** The type that the column is cast to. */
  columnCast: string | undefined;
  values: ParameterValueOf[];
}

/** The other side of a comparison with a column. */
export interface ParameterValueOf {
  /** The n of `$n`. */
  number: number;
  cast: string | undefined;
  /** Whether its elements are compared. */
  isArray: boolean;
}

/**
 * The conditions on the scanned relation that hold for each row which a scan returns: those among the terms of the
 * conjunction that compare a column of its own with parameters. Everything else is passed over, so that a row which
 * meets none of these may be returned only if there are none.
 *
 * @param filter as EXPLAIN (VERBOSE) prints it: all in parentheses, columns with the alias, which is unique
 */
export function scanConditions(filter: string, alias: string): ScanCondition[] {
  return termsOf(significantTokens(filter)).flatMap((term) => conditionOf(term, alias) ?? []);
}

/** The terms of a filter's conjunction, as they stand in it; undefined if it cannot be put together from them again. */
export function filterTerms(filter: string): string[] | undefined {
  const inner = withoutParentheses(significantTokens(filter));
  const groups = inner === undefined ? [] : splitAtAnd(inner);
  if (groups.length < 2) return filter === '' ? [] : [filter];
  const terms = groups.map((group) => filter.slice(group[0]?.start, group.at(-1)?.end));
  return `(${terms.join(' AND ')})` === filter ? terms : undefined;
}

/** The tokens of a and b for `((a) AND (b))`, those of a for `(a)`, and none for any other form. */
function termsOf(tokens: SqlToken[]): SqlToken[][] {
  const inner = withoutParentheses(tokens);
  if (inner === undefined) return [];
  const groups = splitAtAnd(inner);
  return groups.length === 1 ? [inner] : groups.flatMap((group) => asGroup(withoutParentheses(group)));
}

function asGroup(term: SqlToken[] | undefined): SqlToken[][] {
  return term === undefined ? [] : [term];
}

/** The text between the first parenthesis and its partner, when that is the last token. */
function withoutParentheses(tokens: SqlToken[]): SqlToken[] | undefined {
  if (tokens[0]?.text !== '(') return undefined;
  return closingPlace(tokens, 0) === tokens.length - 1 ? tokens.slice(1, -1) : undefined;
}

function closingPlace(tokens: SqlToken[], opening: number): number {
  let depth = 0;
  for (let place = opening; place < tokens.length; place++) {
    if (tokens[place]!.text === '(') depth += 1;
    if (tokens[place]!.text === ')') depth -= 1;
    if (depth === 0) return place;
  }
  return -1;
}

/** The tokens between the ANDs that stand in no parentheses. */
function splitAtAnd(tokens: SqlToken[]): SqlToken[][] {
  const groups: SqlToken[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.text === '(') depth += 1;
    if (token.text === ')') depth -= 1;
    if (depth === 0 && token.kind === 'name' && token.text === 'AND') groups.push([]);
    else groups.at(-1)!.push(token);
  }
  return groups;
}

function conditionOf(term: SqlToken[], alias: string): ScanCondition | undefined {
  const place = term.findIndex(({ kind, text }) => kind === 'operator' && text === '=');
  if (place === -1) return undefined;
  const [left, right] = [term.slice(0, place), term.slice(place + 1)];
  return comparison(left, right, alias) ?? comparison(right, left, alias);
}

function comparison(side: SqlToken[], other: SqlToken[], alias: string): ScanCondition | undefined {
  const { tokens, cast } = castOf(side);
  const [relation, dot, column] = tokens;
  if (tokens.length !== 3 || !isName(relation) || dot!.text !== '.' || !isName(column)) return undefined;
  if (nameOf(relation) !== alias) return undefined;
  const values = valuesOf(other);
  return values && { column: nameOf(column), columnCast: cast, values };
}

function isName(token: SqlToken | undefined): token is SqlToken {
  return token !== undefined && (token.kind === 'name' || token.kind === 'quotedName');
}

/** Splits `(x)::type` into x and the type; the type has one word, and no length that could cut the value. */
function castOf(tokens: SqlToken[]): { tokens: SqlToken[]; cast: string | undefined } {
  const [cast, type] = tokens.slice(-2);
  if (cast?.kind !== 'cast' || type?.kind !== 'name') return { tokens, cast: undefined };
  const inner = withoutParentheses(tokens.slice(0, -2));
  return inner === undefined ? { tokens, cast: undefined } : { tokens: inner, cast: type.text };
}

function valuesOf(tokens: SqlToken[]): ParameterValueOf[] | undefined {
  if (tokens[0]?.kind !== 'name' || tokens[0].text !== 'ANY') return asList(valueOf(tokens));
  const list = withoutParentheses(tokens.slice(1));
  if (list === undefined) return undefined;
  return elementsOf(list) ?? asList(arrayOf(list));
}

function asList(value: ParameterValueOf | undefined): ParameterValueOf[] | undefined {
  return value && [value];
}

/** `$1`, or `($1)::uuid` */
function valueOf(tokens: SqlToken[]): ParameterValueOf | undefined {
  const { tokens: inner, cast } = castOf(tokens);
  const [token] = inner;
  if (inner.length !== 1 || token!.kind !== 'positionalParameter') return undefined;
  return { number: Number(token!.text.slice(1)), cast, isArray: false };
}

/** `$1`, or `($1)::text[]` */
function arrayOf(tokens: SqlToken[]): ParameterValueOf | undefined {
  const isCast = tokens.length > 2 && tokens.at(-2)!.text === '[' && tokens.at(-1)!.text === ']';
  const value = valueOf(isCast ? tokens.slice(0, -2) : tokens);
  if (value === undefined || isCast !== (value.cast !== undefined)) return undefined;
  return { ...value, isArray: true };
}

/** `ARRAY[$1, ($2)::bigint]` */
function elementsOf(tokens: SqlToken[]): ParameterValueOf[] | undefined {
  if (tokens[0]?.text !== 'ARRAY' || tokens[1]?.text !== '[' || tokens.at(-1)!.text !== ']') return undefined;
  const elements: SqlToken[][] = [[]];
  for (const token of tokens.slice(2, -1)) {
    if (token.text === ',') elements.push([]);
    else elements.at(-1)!.push(token);
  }
  const values = elements.map(valueOf);
  return values.includes(undefined) ? undefined : (values as ParameterValueOf[]);
}
