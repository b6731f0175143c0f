/** PostgreSQL's own words, with the place in the statement if it named one. */
export function explainSqlError(error, statement) {
  if (error.severity === undefined) return `The connection to the database failed: ${error.message}`;
  const parts = [`${error.severity}: ${error.message}`];
  if (error.position !== undefined) parts.push(pointAt(statement, Number(error.position)));
  if (error.detail) parts.push(`DETAIL: ${error.detail}`);
  if (error.hint) parts.push(`HINT: ${error.hint}`);
  return parts.join('\n');
}

/** The line of the statement, and a caret under its `position`-th character (from 1, in characters). */
function pointAt(statement, position) {
  const before = Array.from(statement)
    .slice(0, position - 1)
    .join('');
  const lineNumber = before.split('\n').length;
  const start = before.lastIndexOf('\n') + 1;
  const line = statement.split('\n')[lineNumber - 1];
  const label = `LINE ${lineNumber}: `;
  return `${label}${line}\n${' '.repeat(label.length + Array.from(before.slice(start)).length)}^`;
}
