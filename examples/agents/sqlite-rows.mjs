// The rows of a job for agent.mjs, from the SQLite file that RIVULET_AGENT_DATABASE names.
import { DatabaseSync } from 'node:sqlite';

const ROWS_OF_MESSAGE = 500;

/** The columns of the file are declared with types of PostgreSQL, such as bigint, text, timestamptz. */
function read({ sql_command: sql, parameters }) {
  const query = new DatabaseSync(process.env.RIVULET_AGENT_DATABASE ?? '', { readOnly: true }).prepare(sql);
  const columns = query.columns().map(({ name, type }) => ({ name, type: type ?? 'text' }));
  return { columns, rows: query.all(...parameters).map((row) => columns.map(({ name }) => row[name])) };
}

/** The data of a job's DATA messages. */
export function partsOf(id, job) {
  const { columns, rows } = read(job);
  const parts = Math.ceil(rows.length / ROWS_OF_MESSAGE) || 1;
  return Array.from({ length: parts }, (_, index) => {
    const some = rows.slice(index * ROWS_OF_MESSAGE, (index + 1) * ROWS_OF_MESSAGE);
    const part = { job: id, part: index + 1, last: index + 1 === parts, rows: some };
    return index === 0 ? { ...part, columns } : part;
  });
}
