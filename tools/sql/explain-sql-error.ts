import { DatabaseError } from 'pg';

/** PostgreSQL's own words, with the place in the statement if it named one. */
export function explainSqlError(error: Error, statement: string): string {
  if (!(error instanceof DatabaseError)) return `The connection to the database failed: ${error.message}`;
  const { severity, message, position, detail, hint } = error;
  const parts = [`${severity}: ${message}`];
  if (position !== undefined) parts.push(pointAt(statement, Number(position)));
  if (detail) parts.push(`DETAIL: ${detail}`);
  if (hint) parts.push(`HINT: ${hint}`);
  return parts.join('\n');
}

/** The line of the statement, and a caret under its `position`-th character (from 1, in characters). */
function pointAt(statement: string, position: number): string {
  const before = Array.from(statement)
    .slice(0, position - 1)
    .join('');
  const lineNumber = before.split('\n').length;
  const start = before.lastIndexOf('\n') + 1;
  const line = statement.split('\n')[lineNumber - 1];
  const label = `LINE ${lineNumber}: `;
  return `${label}${line}\n${' '.repeat(label.length + Array.from(before.slice(start)).length)}^`;
}
