/** A query of the datasets file, split at its parameters: text, name, text, name, …, text. */
export interface QueryTemplate {
  texts: string[];
  parameters: string[];
}

/** The text is not a query that PostgreSQL takes. `offset` counts UTF-16 units from its beginning. */
export class QueryTextError extends Error {
  constructor(
    message: string,
    readonly offset: number,
    /** With PostgreSQL's error as its cause, where that has refused the query. */
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What a name begins with, and what it goes on with: https://www.postgresql.org/docs/current/sql-syntax-lexical.html */
const LETTER = String.raw`A-Za-z_\u0080-\u{10FFFF}`;
const IN_NAME = String.raw`${LETTER}0-9$`;

// In order: what hides a colon (strings, quoted names, dollar quotes, comments), casts, then parameters.
const tokens = new RegExp(
  [
    String.raw`(?<escapeString>(?<![${IN_NAME}])[eE]'(?:[^'\\]|\\[\s\S]|'')*')`,
    String.raw`(?<string>'(?:[^']|'')*')`,
    String.raw`(?<name>"(?:[^"]|"")*")`,
    String.raw`(?<dollar>(?<![${IN_NAME}])\$(?<tag>[${LETTER}][${LETTER}0-9]*|)\$[\s\S]*?\$\k<tag>\$)`,
    String.raw`(?<line>--[^\n]*)`,
    String.raw`(?<comment>/\*)`,
    String.raw`(?<cast>::)`,
    String.raw`(?<assign>:=)`,
    String.raw`(?<![${IN_NAME}\]]):(?<parameter>[${LETTER}][${LETTER}0-9]*)`,
    String.raw`(?<semicolon>;)`,
    String.raw`(?<open>['"])`,
  ].join('|'),
  'gu',
);

/**
 * Finds the `:name` parameters of a query, leaving alone what only looks like one: casts, strings, quoted
 * identifiers, dollar quotes, array slices and comments. A semicolon at the end is dropped.
 *
 * @throws QueryTextError when a string or comment does not end, or there is a second statement
 */
export function parseQueryTemplate(query: string): QueryTemplate {
  const template: QueryTemplate = { texts: [], parameters: [] };
  let textStart = 0;
  let end = query.length;
  tokens.lastIndex = 0;
  for (let match = tokens.exec(query); match !== null; match = tokens.exec(query)) {
    const groups = match.groups!;
    if (groups.comment !== undefined) tokens.lastIndex = endOfComment(query, match.index);
    if (groups.open !== undefined) throw new QueryTextError('this quote is never closed', match.index);
    if (groups.parameter !== undefined) {
      template.texts.push(query.slice(textStart, match.index));
      template.parameters.push(groups.parameter);
      textStart = tokens.lastIndex;
    }
    if (groups.semicolon !== undefined) {
      if (!isBlank(query, tokens.lastIndex)) {
        throw new QueryTextError(
          'there is more than one statement; keep the one that returns the rows',
          match.index,
        );
      }
      end = match.index;
      break;
    }
  }
  template.texts.push(query.slice(textStart, end));
  return template;
}

/** The query with each parameter replaced by what `render` makes of its name. */
export function renderQuery(template: QueryTemplate, render: (parameter: string) => string): string {
  return template.texts
    .map((text, index) => (index === 0 ? text : render(template.parameters[index - 1]!) + text))
    .join('');
}

/** Where the character at `offset` of the rendered query stands in the query as it was written. */
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

/** PostgreSQL's block comments nest. */
function endOfComment(query: string, start: number): number {
  const marks = /\/\*|\*\//g;
  marks.lastIndex = start;
  let depth = 0;
  for (let mark = marks.exec(query); mark !== null; mark = marks.exec(query)) {
    depth += mark[0] === '/*' ? 1 : -1;
    if (depth === 0) return marks.lastIndex;
  }
  throw new QueryTextError('this comment is never closed', start);
}

/** Whether only white space and comments are left. */
function isBlank(query: string, start: number): boolean {
  const position = start + /^(?:\s|--[^\n]*)*/.exec(query.slice(start))![0].length;
  if (position === query.length) return true;
  return query.startsWith('/*', position) && isBlank(query, endOfComment(query, position));
}
