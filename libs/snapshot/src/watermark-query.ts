import { parseQueryTemplate, QueryTextError, type QueryTemplate } from './query-template';
import { lexSql, nameOf, significantTokens, type SqlToken } from './sql-lexer';

/** The name that the parameter of such a query has in its template. */
const WATERMARK = 'watermark';

/**
 * A query whose one parameter is written `?`, as in `SELECT * FROM users WHERE updated_at > ?`. The operator `?` of jsonb
 * is written `??`, as with JDBC.
 *
 * @throws QueryTextError as parseQueryTemplate does, and for a `:name`
 */
export function parseWatermarkQuery(text: string): QueryTemplate {
  const parts: string[] = [];
  for (const token of lexSql(text)) {
    if (token.kind === 'parameter' || token.kind === 'positionalParameter')
      throw new QueryTextError(`the only parameter is ?, not ${token.text.slice(0, 70)}`, token.start);
    parts.push(withParameter(token));
  }
  return parseQueryTemplate(parts.join(''));
}

/** The column that is compared with `?`: `updated_at > ?`. Undefined where the query does not say. */
export function watermarkColumnOf(text: string): string | undefined {
  const tokens = significantTokens(text).flatMap((token) => splitComparison(token));
  const place = tokens.findIndex(({ kind, text: mark }) => kind === 'operator' && mark === '?');
  const [column, comparison] = [tokens[place - 2], tokens[place - 1]];
  if (place < 2 || (comparison?.text !== '>' && comparison?.text !== '>=')) return undefined;
  return column?.kind === 'name' || column?.kind === 'quotedName' ? nameOf(column) : undefined;
}

function withParameter({ kind, text }: SqlToken): string {
  if (kind !== 'operator') return text;
  if (text === '??') return '?';
  const comparison = /^([<>=]*)\?$/.exec(text)?.[1];
  return comparison === undefined ? text : `${comparison} :${WATERMARK} `;
}

/** `>?` is one operator for PostgreSQL, and two for everyone who writes it. */
function splitComparison(token: SqlToken): SqlToken[] {
  const comparison = token.kind === 'operator' ? /^([<>=]+)\?$/.exec(token.text)?.[1] : undefined;
  return comparison === undefined
    ? [token]
    : [
        { ...token, text: comparison },
        { ...token, text: '?' },
      ];
}
