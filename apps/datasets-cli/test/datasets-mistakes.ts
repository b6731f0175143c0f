import { SCOPE, withDataset, withQuery, withScope } from './datasets-files';

/** Every mistake, its file, and all that is said of it. This list is what `check` promises to find. */
export const mistakes: [what: string, source: string, ...messages: string[]][] = [
  // The file
  [
    'a tab',
    'version: 1\nscope:\n\tquery: x\n',
    '3:1: this line is indented with a tab; YAML allows only spaces.',
  ],
  ['a field twice', 'version: 1\nversion: 1\n', '2:1: this field is defined twice; keep one of them.'],
  [
    'a second document',
    'version: 1\n---\nversion: 1\n',
    '2:1: a second YAML document begins here; use one document, without `---`.',
  ],
  [
    'no YAML',
    'a: b: c\n',
    '1:4: this is not valid YAML: Nested mappings are not allowed in compact mappings.',
  ],
  [
    'an alias without its anchor',
    withDataset('name: users', 'key: *id', 'query: SELECT 1'),
    '6:10: *id refers to an anchor that is not defined; define &id above.',
  ],
  [
    'an alias within what it refers to',
    'x-a: &a\n  b: *a\n',
    '2:6: *a refers to a node that contains it; write the value out here.',
  ],
  [
    'aliases without end',
    `${Array.from({ length: 9 }, (_, n) => `x-${n}: &a${n} [${n === 0 ? 1 : `*a${n - 1},`.repeat(9)}]`).join('\n')}\n`,
    '7:11: the aliases expand to more than 100,000 values; use fewer.',
  ],
  [
    'a merge of a list',
    withDataset('<<: [id]', 'name: users', 'key: [id]', 'query: SELECT id FROM users'),
    '5:10: << can merge only mappings: `<<: *anchor`.',
  ],
  [
    'no version',
    withQuery('SELECT id FROM users').replace('version: 1\n', ''),
    '1:1: the file has no version; begin it with `version: 1`.',
  ],
  [
    'another version',
    withQuery('SELECT id FROM users').replace('version: 1', 'version: 2'),
    '1:10: version must be 1.',
  ],
  [
    'an unknown field',
    withQuery('SELECT id FROM users').replace('scope:', 'skope:'),
    '2:1: the file has the unknown field "skope" (known: version, scope, datasets). Did you mean scope?',
  ],
  [
    'neither scope nor datasets',
    'version: 1\n',
    '1:1: the file has no scope; add `scope:` with a query.',
    '1:1: the file has no datasets; add a list `datasets:`.',
  ],
  [
    'datasets by name',
    `version: 1\nscope: {query: "${SCOPE}"}\ndatasets:\n  users: {}\n`,
    '4:3: datasets must be a list.',
  ],
  // A dataset
  [
    'no name',
    withDataset('key: [id]', 'query: SELECT id FROM users'),
    '5:5: the dataset has no name; add `name:`.',
  ],
  [
    'a name that YAML takes for something else',
    withDataset('name: on', 'key: [yes, 1]', 'query: SELECT id FROM users').replace('name: on', 'name: true'),
    '5:11: the name must be a string; put it in quotes: "true".',
    '6:16: a column in the key of the dataset must be a string; put it in quotes: "1".',
  ],
  [
    'a name that PostgreSQL would cut',
    withDataset(`name: ${'x'.repeat(64)}`, 'key: [id]', 'query: SELECT id FROM users'),
    '5:11: the name has 64 bytes; PostgreSQL allows 63 in a name.',
  ],
  [
    'a key that is no list',
    withDataset('name: users', 'key: id', 'query: SELECT id FROM users'),
    '6:10: the key of dataset users must be a list; put it in brackets: [id].',
  ],
  [
    'neither key nor query',
    withDataset('name: users'),
    '5:5: dataset users has no key; add `key: [column]`.',
    '5:5: dataset users has no query; add `query:`.',
  ],
  [
    'a misspelt field',
    withQuery('SELECT id, email FROM users', '[id]', 'index: [[email]]'),
    '9:5: a dataset has the unknown field "index" (known: name, table, key, query, columns, indexes, schema, grants, onRemove, guard). Did you mean indexes?',
  ],
  [
    'an index that is no list',
    withQuery('SELECT id, email FROM users', '[id]', 'indexes: [email]'),
    '9:15: an index of dataset users must be a list; put it in brackets: [email].',
  ],
  [
    'a name twice',
    `${withQuery('SELECT id FROM users')}  - {name: users, key: [id], query: SELECT id FROM users}\n`,
    '9:5: dataset users is defined twice, first at 5:5; rename one.',
  ],
  [
    'a table twice',
    `${withQuery('SELECT id FROM users')}  - {name: all, table: users, key: [id], query: SELECT id FROM users}\n`,
    '9:5: datasets users and all both fill table users; give one of them a different `table:`.',
  ],
  // The scope query
  [
    'a parameter that the scope query is not given',
    withScope('SELECT id AS device_id FROM devices WHERE mac_address = :mac'),
    '3:66: the scope query uses :mac; its parameters are :mac_address, :device_id, :device_name. Did you mean mac_address?',
  ],
  [
    'a scope query for no device in particular',
    withScope('SELECT 1 AS device_id'),
    '3:10: the scope query uses none of its parameters, so every device would get the same rows; add a ' +
      'condition on :mac_address.',
  ],
  [
    'a scope query without device_id',
    withScope('SELECT id FROM devices WHERE mac_address = :mac_address'),
    '3:10: the scope query must return a column device_id; it returns id. ' +
      'Return the identifier of the device under that name: SELECT … AS device_id.',
  ],
  [
    'an is_active that is a text',
    withScope('SELECT id AS device_id, state AS is_active FROM devices WHERE mac_address = :mac_address'),
    '3:10: is_active of the scope query is of type text; it must be boolean.',
  ],
  [
    'a scope of several rows',
    withScope('SELECT generate_series(1, 2) AS device_id FROM devices WHERE mac_address = :mac_address'),
    '3:10: The scope query returns more than one row for 48:b0:2d:e9:c3:b7. ' +
      'Make the scope query return exactly one row per device.',
  ],
  [
    'a scope query that fails',
    withScope('SELECT 1 / (id - 1) AS device_id FROM devices WHERE mac_address = :mac_address'),
    '3:10: The scope query fails for 48:b0:2d:e9:c3:b7: division by zero. ' +
      'Run the query by hand with the parameters of this device, and correct the datasets file.',
  ],
  // The query of a dataset
  [
    'a syntax error',
    withQuery('SELECT id\nFORM users'),
    '9:12: PostgreSQL rejects the query of dataset users: syntax error at or near "users".',
  ],
  [
    'a quote that is never closed',
    withQuery("SELECT id FROM users WHERE email = 'x"),
    '8:42: in the query of dataset users, this quote is never closed.',
  ],
  [
    'two statements',
    withQuery('SELECT 1;\nSELECT id FROM users;'),
    '8:15: in the query of dataset users, there is more than one statement; keep the one that returns the rows.',
  ],
  [
    'a misspelt table',
    withQuery('SELECT id FROM user_s'),
    '8:22: PostgreSQL rejects the query of dataset users: relation "user_s" does not exist. Did you mean users?',
  ],
  [
    'a table of another schema',
    withQuery('SELECT id FROM people'),
    '8:22: PostgreSQL rejects the query of dataset users: relation "people" does not exist. Did you mean hr.people?',
  ],
  [
    'a misspelt column',
    withQuery('SELECT u.id, u.emial FROM users u'),
    '8:20: PostgreSQL rejects the query of dataset users: column u.emial does not exist. ' +
      'Perhaps you meant to reference the column "u.email".',
  ],
  [
    'a misspelt parameter',
    withQuery('SELECT id FROM users WHERE site_id = :siteid'),
    '8:44: dataset users uses :siteid, which the scope query does not return; ' +
      'it returns :device_id, :site_id, :group_ids. Did you mean site_id?',
  ],
  [
    'a list that is compared like a value',
    withQuery('SELECT id FROM users WHERE site_id = :group_ids'),
    '8:42: PostgreSQL rejects the query of dataset users: operator does not exist: bigint = bigint[]. ' +
      'No operator matches the given name and argument types. You might need to add explicit type casts. ' +
      'To compare a column with the values of an array, use = ANY (:name).',
  ],
  [
    'a column twice',
    withQuery('SELECT id, email, email FROM users'),
    '8:7: the query of dataset users returns column email twice; rename one of them with AS.',
  ],
  [
    'a type that is not carried',
    withQuery('SELECT id, owner FROM users'),
    '8:7: dataset users has column owner, and its type regrole cannot be carried exactly; ' +
      'cast it in the query, for example to text.',
  ],
  [
    "a name that is PostgreSQL's own",
    withQuery('SELECT id, ctid::text FROM users'),
    '8:7: dataset users has column ctid, which is a reserved name in PostgreSQL; rename it with AS.',
  ],
  // Keys and indexes
  [
    'a key column that is not returned',
    withQuery('SELECT id, email FROM users', '[id, emial]'),
    '6:15: dataset users names column emial in its key, which its query does not return; it returns id, email. ' +
      'Did you mean email?',
  ],
  [
    'an indexed column that is not returned',
    withQuery('SELECT id FROM users', '[id]', 'indexes: [[badge]]'),
    '9:16: dataset users names column badge in its index, which its query does not return; it returns id.',
  ],
  [
    'everyone in the place of a role',
    withQuery('SELECT id FROM users', '[id]', 'grants: [public]'),
    '9:14: grants of dataset users names public, which PostgreSQL does not allow as the name of a role; name the roles ' +
      'that read the table, or one that they are all members of.',
  ],
  [
    'a column that is to be sent and is not returned',
    withQuery('SELECT id, email FROM users', '[id]', 'columns: [id, emial]'),
    '9:19: dataset users names column emial in its columns, which its query does not return; it returns id, email. ' +
      'Did you mean email?',
  ],
  [
    'a key and an index that are not to be sent',
    withQuery('SELECT * FROM users', '[id]', 'columns: [email]', 'indexes: [[email], [badge]]'),
    '6:11: dataset users names column id in its key, and not in its columns; add it to `columns:`.',
    '10:25: dataset users names column badge in its index, and not in its columns; add it to `columns:`.',
  ],
  [
    'a key that cannot be sorted',
    withQuery('SELECT doc FROM users', '[doc]'),
    '6:11: dataset users names column doc in its key, and PostgreSQL cannot sort json; ' +
      'leave it out, or cast it in the query.',
  ],
  [
    'a key that databases sort in different ways',
    withQuery('SELECT settings FROM users', '[settings]'),
    '6:11: dataset users names column settings in its key, and the sort order of jsonb differs between databases; ' +
      'leave it out, or cast it in the query.',
  ],
  // Rows
  [
    'a NULL in a key',
    withQuery('SELECT badge FROM users WHERE site_id = :site_id', '[badge]'),
    '6:11: dataset users has NULL in its key column badge in 1 of 3 rows for 48:b0:2d:e9:c3:b7; ' +
      'add badge IS NOT NULL, or choose a different key.',
  ],
  [
    'a key of several rows',
    withQuery('SELECT email, site_id FROM users WHERE site_id = :site_id', '[site_id, email]'),
    '6:11: dataset users has 2 rows with the key (site_id, email) = (7, a@x.example) for 48:b0:2d:e9:c3:b7; ' +
      'add a column to the key, or, where a join repeats rows, use EXISTS or SELECT DISTINCT.',
  ],
  [
    'a row that is too large',
    withQuery('SELECT id, content FROM blobs'),
    '8:7: dataset users has a row of about 17.0 MB for 48:b0:2d:e9:c3:b7; the limit is 16.8 MB ' +
      '(CENTRAL_MAX_ROW_BYTES is 16MiB); remove the large column, split it, or raise CENTRAL_MAX_ROW_BYTES here and ' +
      'EDGE_MAX_ROW_BYTES on the devices.',
  ],
  [
    'a query that fails on a row',
    withQuery('SELECT id, 1 / (id - 2) AS share FROM users'),
    '8:7: dataset users cannot be read for 48:b0:2d:e9:c3:b7: division by zero; correct the query or the rows.',
  ],
];
