import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const root = resolve(__dirname, '../../../..');

/** Questions about other connections, and the pooler before them; and a server that only development has. */
const exempt = [
  'libs/postgres/src/connections/backend-probe.ts',
  'libs/postgres/src/connections/refuse-transaction-pooling.ts',
  'libs/embedded-postgres/src/databases.ts',
];

it('no other code than the pool and the client of this library connects to PostgreSQL', () => {
  const files = globSync('{apps,libs,db}/**/*.ts', { cwd: root, exclude: ['**/node_modules/**'] });
  const shipped = files.filter((file) => !/[.-]spec\.ts$|\/test\/|^libs\/testing\//.test(file));
  const connecting = shipped.filter((file) => {
    return /new (pg\.)?(Pool|Client|DataSource)\(/.test(readFileSync(resolve(root, file), 'utf8'));
  });
  // TypeORM's DataSource is given our pool.
  expect(connecting.toSorted()).toEqual(
    [...exempt, 'libs/platform/src/database/database.module.ts'].toSorted(),
  );
});
