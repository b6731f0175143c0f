import type { DatasetDefinition } from '@rivulet/datasets';
import { renderQuery, significantTokens, type QueryTemplate, type SqlToken } from '@rivulet/snapshot';
import type { Findings } from './findings';

/** Warns of what the words of a query alone show. */
export function cautionAboutText({ name, query }: DatasetDefinition, { warnings }: Findings): void {
  const outer = outermostTokens(renderQuery(query.template, (parameter) => `:${parameter}`));
  const limit = outer.findIndex((_, index) => isLimit(outer, index));
  if (limit !== -1 && !outer.some((_, index) => isOrderBy(outer, index))) {
    warnings.add(
      query.placeOf(outer[limit]!.start),
      `dataset ${name} returns only part of its rows, and that part can differ from one read to the next; add ` +
        'ORDER BY with columns that are unique together',
    );
  }
}

/** Whether the query says IS NOT NULL of anything. */
export function requiresNotNull({ texts }: QueryTemplate): boolean {
  const tokens = significantTokens(texts.join(' '));
  return tokens.some((_, index) =>
    ['is', 'not', 'null'].every((word, position) => isWord(tokens[index + position], word)),
  );
}

/** The tokens that are not in parentheses. */
export function outermostTokens(sql: string): SqlToken[] {
  let depth = 0;
  return significantTokens(sql).filter(({ text }) => {
    if (text === '(') depth += 1;
    if (text === ')') depth -= 1;
    return depth === 0 && text !== ')';
  });
}

function isLimit(tokens: SqlToken[], index: number): boolean {
  if (isWord(tokens[index], 'fetch')) return isWord(tokens[index + 1], 'first', 'next');
  return isWord(tokens[index], 'limit', 'offset');
}

function isOrderBy(tokens: SqlToken[], index: number): boolean {
  return isWord(tokens[index], 'order') && isWord(tokens[index + 1], 'by');
}

export function isWord(token: SqlToken | undefined, ...words: string[]): boolean {
  return token?.kind === 'name' && words.includes(token.text.toLowerCase());
}
