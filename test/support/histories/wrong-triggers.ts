/** Has the trigger of an update see no old, or no new rows, in the body of its function. */
export function withoutRowsOfUpdate(rows: 'old_rows' | 'new_rows'): (body: string) => string {
  return (body) =>
    body.replace(/IF TG_OP = 'UPDATE'.*?EXCEPTION/s, (part) =>
      replaced(part, `FROM ${rows} r`, `FROM (SELECT * FROM ${rows} LIMIT 0) r`),
    );
}

/** @throws where there is nothing to make the mistake in */
export function replaced(text: string, found: string, by: string): string {
  if (!text.includes(found)) throw new Error(`There is no ${found} in ${text}`);
  return text.replaceAll(found, by);
}
