import { readData, readJobId } from './read-data';

const job = '01KAJ9V9RW4C7ZK3DYE7V1NB2R.3';

it('makes lines for COPY of the values of JSON', () => {
  const rows = [
    ['a\tb\n\\', -0, 1.5, true, null],
    ['\\N', 1.5e-7, false, { a: [1, 'x\n'] }, '\r'],
  ];
  const columns = ['a', { name: 'b', type: 'float8' }, 'c', 'd', 'e'];
  expect(readData({ job, part: 1, last: true, columns, rows: rows.map((row) => row.slice(0, 5)) })).toEqual({
    runId: '01KAJ9V9RW4C7ZK3DYE7V1NB2R',
    attempt: 3,
    part: 1,
    isLast: true,
    columns: [{ name: 'a' }, { name: 'b', type: 'float8' }, { name: 'c' }, { name: 'd' }, { name: 'e' }],
    rows: 2,
    content: 'a\\tb\\n\\\\\t-0\t1.5\tt\t\\N\n\\\\N\t1.5e-7\tf\t{"a":[1,"x\\\\n"]}\t\\r\n',
  });
});

it.each<[string, object]>([
  ['an integer that JSON may have changed', { rows: [[2 ** 53]] }],
  ['half of a surrogate pair', { rows: [['\ud800']] }],
  ['a row that is no list', { rows: [{ id: 1 }] }],
  ['an empty row', { rows: [[]] }],
  ['columns in a later part', { part: 2, rows: [[1]] }],
  ['a part that is no number', { part: '1', rows: [[1]] }],
  ['too many parts', { part: 10_001, columns: undefined, rows: [[1]] }],
  ['a column without a name', { columns: [{ type: 'int' }], rows: [] }],
  ['a column with more', { columns: [{ name: 'a', sql: 'x' }], rows: [] }],
  ['no rows', { rows: undefined }],
])('refuses data with %s', (_, more) => {
  expect(() => readData({ job, part: 1, columns: ['id'], ...more })).toThrow('The rows are not valid');
});

it('knows the IDs of jobs from others', () => {
  expect(readJobId(job)).toEqual({ runId: job.slice(0, 26), attempt: 3 });
  for (const id of [undefined, 3, '', job.slice(0, 26), `${job}.1`, `${job.slice(0, 26)}.0`, `x${job}`])
    expect(readJobId(id)).toBeUndefined();
});
