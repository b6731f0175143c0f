import { curlsOf } from '../support/documents/document-curls';
import { CentralInProcess } from '../support/apps/central-in-process';
import { CollectingEdge } from '../support/apps/collecting-edge';
import { CollectionOperator } from '../support/clients/collection-operator';
import { ADMIN_PASSWORD } from '../support/clients/operator';
import { RowsAgent } from '../support/clients/rows-agent';

let central: CentralInProcess;

beforeAll(async () => {
  central = await CentralInProcess.start({ CENTRAL_DEVICE_AUTH: 'mac', CENTRAL_COLLECTION_APPLIES: '4' });
});
afterAll(() => central.stop());

/** As the document writes it, but for host, port, password and token. */
async function runCurls(): Promise<{ path: string; status: number; body: Record<string, unknown> }[]> {
  const answers = [];
  let token = '';
  for (const { method, path, headers, body } of curlsOf('dsp-platform.md')) {
    const text = body?.replace('"password":"admin"', `"password":${JSON.stringify(ADMIN_PASSWORD)}`);
    const response = await fetch(central.url + path, {
      method,
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, value.replace('YOUR_TOKEN', token)]),
      ),
      body: text ?? null,
    });
    const answer = (await response.json()) as Record<string, unknown>;
    token = typeof answer['token'] === 'string' ? answer['token'] : token;
    answers.push({ path, status: response.status, body: answer });
  }
  return answers;
}

it('every curl of the document works, and its schema collects from three edges and a TCP agent', async () => {
  const answers = await runCurls();
  expect(answers.map(({ path, status }) => [path, status])).toEqual([
    ['/api/login', 200],
    ['/api/schemas', 201],
  ]);
  const { id, sql_command, target_table } = answers[1]!.body as Record<string, string>;
  expect([sql_command, target_table]).toEqual(['SELECT * FROM users WHERE updated_at > ?', 'sync_users']);

  const joining = [1, 2, 3].map(() => CollectingEdge.join(central, { allow: ['users'] }));
  const networks = [...(await Promise.all(joining)), await RowsAgent.join(central)];
  try {
    for (const [index, { database }] of networks.entries())
      await database.pool.query(`
        CREATE TABLE users (id bigint PRIMARY KEY, email text, updated_at timestamptz);
        INSERT INTO users SELECT n, E'\\t' || n || E'@\\\\network-${index}\n', now() - n * interval '1 h'
        FROM generate_series(1, 100) AS n`);
    const operator = new CollectionOperator(central);
    const network_ids = networks.map(({ networkId }) => networkId);
    const job = await operator.post<{ id: string }>('/api/jobs', { name: 'all', schema_id: id, network_ids });
    for (let round = 1; round <= 2; round++) {
      expect((await operator.run(job.id, networks)).state).toBe('succeeded');
      for (const { networkId, database } of networks) {
        const collected = await central.database.pool.query(
          'SELECT id, email, updated_at FROM collected.sync_users WHERE network_id = $1 ORDER BY id',
          [networkId],
        );
        const direct = await database.pool.query(
          "SELECT * FROM users WHERE updated_at > '-infinity' ORDER BY id",
        );
        expect(collected.rows).toEqual(direct.rows);
        await database.pool.query('UPDATE users SET email = $1, updated_at = now() WHERE id < 10', [
          'changed',
        ]);
      }
    }
  } finally {
    await Promise.all(networks.map((edge) => edge.stop()));
  }
});
