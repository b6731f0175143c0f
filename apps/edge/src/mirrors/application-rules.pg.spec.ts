import { ordinary, type FakeDataset } from '@rivulet/testing';
import { setUpSyncCycles } from '../../test/sync-cycle-fixture';

const edge = setUpSyncCycles();

/** E-mails by account, of enough bytes for several chunks. */
function accounts(emails: string[]): FakeDataset {
  return {
    ...ordinary,
    indexes: [],
    name: 'accounts',
    table: 'accounts',
    key: ['id'],
    columns: [
      { name: 'id', type: 'bigint' },
      { name: 'email', type: 'text' },
      { name: 'notes', type: 'text' },
    ],
    rows: emails.map((email, index) => [String(index + 1), email, 'x'.repeat(2_000)]),
  };
}

function orders(rows: [number, number][]): FakeDataset {
  return {
    ...ordinary,
    indexes: [],
    name: 'orders',
    table: 'orders',
    key: ['id'],
    columns: [
      { name: 'id', type: 'bigint' },
      { name: 'account_id', type: 'bigint' },
    ],
    rows: rows.map(([id, account]) => [String(id), String(account)]),
  };
}

const emails = Array.from({ length: 200 }, (_, index) => `${index}@example.org`);
const exchanged = emails.with(0, emails[199]!).with(199, emails[0]!).with(7, emails[8]!).with(8, emails[7]!);

async function run(sql: string): Promise<void> {
  await edge.database.pool.query(`SET search_path TO public; ${sql}; RESET search_path`);
}

async function emailsOnDevice(): Promise<string[]> {
  const rows = await edge.select<{ email: string }>('SELECT email FROM public.accounts ORDER BY id');
  return rows.map(({ email }) => email);
}

beforeEach(async () => {
  edge.hub.datasets = [accounts(emails)];
  await edge.sync();
});

describe('rows that exchange values of an index of an application (unique-index)', () => {
  const indexes = [
    'CREATE UNIQUE INDEX app ON accounts (email)',
    'CREATE UNIQUE INDEX app ON accounts (lower(email)) WHERE id > 0',
    'ALTER TABLE accounts ADD CONSTRAINT app UNIQUE (email)',
    'ALTER TABLE accounts ADD CONSTRAINT app UNIQUE (email) DEFERRABLE',
    'ALTER TABLE accounts ADD CONSTRAINT app UNIQUE (email) DEFERRABLE INITIALLY DEFERRED',
    'ALTER TABLE accounts ADD CONSTRAINT app EXCLUDE (email WITH =)',
    'CREATE UNIQUE INDEX app ON accounts (email); CREATE UNIQUE INDEX more ON accounts (email, id)',
  ];

  it.each(indexes)('are applied by a patch: %s', async (sql) => {
    await run(sql);
    edge.hub.datasets = [accounts(exchanged)];

    expect(await edge.sync()).toMatchObject({
      status: 'applied',
      tables: [{ action: 'patched', rowsChanged: 4 }],
    });
    expect(await emailsOnDevice()).toEqual(exchanged);
    expect((await edge.scrub()).status).toBe('intact');
  });

  it.each(indexes)('are applied by a merge of chunks: %s', async (sql) => {
    await run(sql);
    edge.hub.forgetBases();
    edge.hub.datasets = [accounts([...exchanged.slice(0, -2), 'new', emails[0]!])];

    expect(await edge.sync()).toMatchObject({ status: 'applied', tables: [{ action: 'merged' }] });
    expect(await emailsOnDevice()).toEqual([...exchanged.slice(0, -2), 'new', emails[0]!]);
  });

  it('are applied when a row that goes leaves its value to a new one', async () => {
    await run('CREATE UNIQUE INDEX app ON accounts (email)');
    edge.hub.datasets = [accounts([...exchanged.slice(0, -1), 'new', emails[0]!])];

    expect(await edge.sync()).toMatchObject({ status: 'applied' });
    expect((await emailsOnDevice()).slice(-2)).toEqual(['new', emails[0]]);
  });

  it('are applied while a foreign key without an action refers to them', async () => {
    await run(`CREATE UNIQUE INDEX app ON accounts (email);
      CREATE TABLE badges (account_id bigint REFERENCES accounts); INSERT INTO badges VALUES (1), (200)`);
    edge.hub.datasets = [accounts(exchanged)];

    expect(await edge.sync()).toMatchObject({ status: 'applied' });
    expect(await edge.select('SELECT * FROM public.badges')).toHaveLength(2);
  });

  it.each(['CASCADE', 'SET NULL', 'RESTRICT'])(
    'are held while a foreign key with ON DELETE %s does, which nobody notices',
    async (action) => {
      await run(`CREATE UNIQUE INDEX app ON accounts (email);
        CREATE TABLE badges (account_id bigint REFERENCES accounts ON DELETE ${action});
        INSERT INTO badges VALUES (1)`);
      edge.hub.datasets = [accounts(exchanged)];

      const { error } = await edge.sync();

      expect(error).toMatchObject({
        code: 'MIRROR_REJECTS_ROWS',
        message: expect.stringContaining('values of app') as string,
        nextStep: expect.stringContaining('Make app a DEFERRABLE constraint') as string,
      });
      expect(await edge.select('SELECT * FROM public.badges')).toEqual([{ account_id: '1' }]);
      await run('DROP INDEX app; ALTER TABLE accounts ADD CONSTRAINT app UNIQUE (email) DEFERRABLE');
      expect(await edge.sync()).toMatchObject({ status: 'applied' });
    },
  );
});

describe('rows that what an application has made does not allow', () => {
  const twice = emails.with(3, emails[4]!);
  const cases: [string, string, RegExp, string][] = [
    [
      'a unique index',
      'CREATE UNIQUE INDEX app ON accounts (email)',
      /^The unique index app on public\.accounts rejects the rows: Key \(email\)=\(4@example\.org\)/,
      'DROP INDEX app',
    ],
    [
      'a deferred unique constraint',
      'ALTER TABLE accounts ADD CONSTRAINT app UNIQUE (email) DEFERRABLE INITIALLY DEFERRED',
      /^The unique index app on public\.accounts rejects the rows: Key \(email\)=\(4@example\.org\)/,
      'ALTER TABLE accounts DROP CONSTRAINT app',
    ],
    [
      'an exclusion constraint',
      'ALTER TABLE accounts ADD CONSTRAINT app EXCLUDE (email WITH =)',
      /^The unique index app on public\.accounts rejects the rows: Key \(email\)=\(4@example\.org\)/,
      'ALTER TABLE accounts DROP CONSTRAINT app',
    ],
    [
      'a check',
      `ALTER TABLE accounts ADD CONSTRAINT app CHECK (id <> 4 OR email LIKE '3@%')`,
      /^The constraint app on public\.accounts rejects a row\.$/,
      'ALTER TABLE accounts DROP CONSTRAINT app',
    ],
    [
      'a trigger',
      `CREATE FUNCTION app() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not today''; END';
       CREATE TRIGGER app BEFORE UPDATE OR INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION app()`,
      /^A trigger or function rejects the rows: not today\.$/,
      'DROP TRIGGER app ON accounts',
    ],
    [
      'a trigger that fails',
      `CREATE FUNCTION app() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM 1 / 0; END';
       CREATE TRIGGER app BEFORE UPDATE OR INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION app()`,
      /^A trigger or function rejects the rows: division by zero\.$/,
      'DROP TRIGGER app ON accounts',
    ],
    [
      'a foreign key',
      `CREATE TABLE known (email text PRIMARY KEY); INSERT INTO known SELECT email FROM accounts;
       DELETE FROM accounts WHERE id = 4; DELETE FROM known WHERE email = '4@example.org';
       UPDATE accounts SET email = '3@example.org' WHERE id = 5;
       ALTER TABLE accounts ADD CONSTRAINT app FOREIGN KEY (email) REFERENCES known`,
      /^The foreign key app of public\.accounts rejects the rows: Key \(email\)=\(4@example\.org\) is not present/,
      'ALTER TABLE accounts DROP CONSTRAINT app',
    ],
  ];

  it.each(cases)('hold the sync with a code, the name and a cure: %s', async (_, sql, message, cure) => {
    await run(sql);
    edge.hub.datasets = [accounts(twice)];

    const { status, error } = await edge.sync();

    expect({ status, code: error?.code }).toEqual({ status: 'failed', code: 'MIRROR_REJECTS_ROWS' });
    expect(error!.message).toMatch(message);
    expect(error!.nextStep).toMatch(/^Nothing was applied\. (Drop|Mirrors)/);
    expect(edge.hub.acknowledgements.at(-1)).toMatchObject({ error: { code: 'MIRROR_REJECTS_ROWS' } });
    await run(cure);
    expect(await edge.sync()).toMatchObject({ status: 'applied' });
    expect(await emailsOnDevice()).toEqual(twice);
  });

  it('hold a load, too', async () => {
    await run('CREATE UNIQUE INDEX app ON accounts (email)');
    edge.applyMode = 'truncate';
    edge.hub.datasets = [accounts(twice)];

    expect((await edge.sync()).error).toMatchObject({
      code: 'MIRROR_REJECTS_ROWS',
      message: expect.stringContaining('The unique index app on public.accounts') as string,
    });
    expect(await emailsOnDevice()).toEqual(emails);
  });

  it('are named by their column when it was made NOT NULL, with the statement that cures it', async () => {
    await run('ALTER TABLE accounts ALTER email SET NOT NULL');
    edge.hub.datasets = [accounts(emails.with(3, '\\N'))];

    const { error } = await edge.sync();

    expect(error).toMatchObject({
      code: 'MIRROR_REJECTS_ROWS',
      nextStep: 'Nothing was applied. Run ALTER TABLE "public"."accounts" ALTER "email" DROP NOT NULL.',
    });
    await run('ALTER TABLE accounts ALTER email DROP NOT NULL');
    expect(await edge.sync()).toMatchObject({ status: 'applied' });
  });

  it('are allowed when they only collide with a row that somebody has written to the mirror', async () => {
    await run(`CREATE UNIQUE INDEX app ON accounts (email); INSERT INTO accounts VALUES (1000, 'mine', '')`);
    edge.hub.datasets = [accounts(emails.with(3, 'mine'))];

    expect(await edge.sync()).toMatchObject({ status: 'applied' });
    expect(await emailsOnDevice()).toEqual(emails.with(3, 'mine'));
  });
});

describe('a foreign key from one mirror to another', () => {
  beforeEach(async () => {
    edge.hub.datasets = [orders([[1, 1]]), accounts(emails)];
    await edge.sync();
  });

  const reference = 'ALTER TABLE orders ADD CONSTRAINT app FOREIGN KEY (account_id) REFERENCES accounts';

  it.each(['DEFERRABLE', 'DEFERRABLE INITIALLY DEFERRED'])(
    'lets both change at once when it is %s',
    async (how) => {
      await run(`${reference} ${how}`);
      edge.hub.datasets = [orders([[2, 201]]), accounts([...emails, 'new'])];

      expect(await edge.sync()).toMatchObject({ status: 'applied' });
      expect(await edge.select('SELECT * FROM public.orders')).toEqual([{ id: '2', account_id: '201' }]);
    },
  );

  it('does so while the mirrors get an index, too', async () => {
    await run(`${reference} DEFERRABLE`);
    edge.hub.datasets = [
      { ...orders([[2, 201]]), indexes: [['account_id']] },
      { ...accounts([...emails, 'new']), indexes: [['email']] },
    ];

    expect(await edge.sync()).toMatchObject({ status: 'applied' });
  });

  it('holds the sync otherwise, with the statement that cures it', async () => {
    await run(reference);
    edge.hub.datasets = [orders([[2, 201]]), accounts([...emails, 'new'])];

    const { error } = await edge.sync();

    expect(error).toMatchObject({ code: 'MIRROR_REJECTS_ROWS' });
    const statement = /ALTER TABLE .* DEFERRABLE/.exec(error!.nextStep)![0];
    await run(statement);
    expect(await edge.sync()).toMatchObject({ status: 'applied' });
  });
});
