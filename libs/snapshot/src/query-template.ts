import { lexSql, type SqlToken } from './sql-lexer';

/** A query of the datasets file, split at its parameters: text, name, text, name, …, text. */
export interface QueryTemplate {
  texts: string[];
  parameters: string[];
}

/** The text is not a valid query. `offset` counts UTF-16 units from its beginning. */
export class QueryTextError extends Error {
  constructor(
    message: string,
    readonly offset: number,
    /** The cause is PostgreSQL's error, if PostgreSQL rejected the query. */
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Finds the `:name` parameters of a query. A semicolon at the end is dropped.
 *
 * @throws QueryTextError when a quote or a comment does not end, or there is a second statement
 */
export function parseQueryTemplate(query: string): QueryTemplate {
  const template: QueryTemplate = { texts: [], parameters: [] };
  let textStart = 0;
  let semicolon: SqlToken | undefined;
  for (const token of lexSql(query)) {
    if (semicolon !== undefined) requireBlank(token, semicolon);
    requireClosed(token);
    if (token.kind === 'parameter') {
      template.texts.push(query.slice(textStart, token.start));
      template.parameters.push(token.text.slice(1));
      textStart = token.end;
    }
    if (token.text === ';') semicolon = token;
  }
  template.texts.push(query.slice(textStart, semicolon?.start));
  return template;
}

function requireClosed({ kind, start }: SqlToken): void {
  if (kind === 'unclosedQuote') throw new QueryTextError('this quote is never closed', start);
  if (kind === 'unclosedComment') throw new QueryTextError('this comment is never closed', start);
}

function requireBlank({ kind }: SqlToken, semicolon: SqlToken): void {
  if (kind === 'space' || kind === 'comment' || kind === 'unclosedComment') return;
  throw new QueryTextError(
    'there is more than one statement; keep the one that returns the rows',
    semicolon.start,
  );
}

/** The query with each parameter replaced by `render(name)`. */
export function renderQuery(template: QueryTemplate, render: (parameter: string) => string): string {
  return template.texts
    .map((text, index) => (index === 0 ? text : render(template.parameters[index - 1]!) + text))
    .join('');
}

/** The offset in the written query of the character at `offset` in the rendered query. */
export function writtenOffset(
  template: QueryTemplate,
  render: (parameter: string) => string,
  offset: number,
): number {
  let rendered = 0;
  let written = 0;
  for (const [index, text] of template.texts.entries()) {
    if (offset < rendered + text.length) return written + (offset - rendered);
    rendered += text.length;
    written += text.length;
    const parameter = template.parameters[index];
    if (parameter === undefined) break;
    const length = render(parameter).length;
    if (offset < rendered + length) return written;
    rendered += length;
    written += parameter.length + 1;
  }
  return written;
}
