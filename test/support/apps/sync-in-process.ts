import { CentralFixture } from '../../../apps/central/test/central-fixture';
import { CentralServices } from '../../../apps/central/test/central-services';
import { macAddress, SyncCycleFixture, type CycleOptions } from '../../../apps/edge/test/sync-cycle-fixture';
import { ForgetfulHub, LocalHub } from './local-hub';

/** Both apps without HTTP and Nest, each with a database of its own on the server of the tests. */
export class SyncInProcess {
  readonly edge = new SyncCycleFixture();

  private constructor(readonly central: CentralFixture) {}

  /** @param source makes the rows of the source @param device what is on the edge before the first sync */
  static async create(source: string, device: string): Promise<SyncInProcess> {
    const pair = new SyncInProcess(await CentralFixture.create());
    await pair.edge.open();
    await pair.edge.begin();
    try {
      await pair.central.database.pool.query(source);
      await pair.edge.database.pool.query(device);
      return pair;
    } catch (error) {
      await pair.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.edge.end();
    await this.edge.close();
    await this.central.close();
  }

  services(datasetsFile: string): Promise<CentralServices> {
    return CentralServices.start(this.central, datasetsFile);
  }

  /**
   * One sync, and what the plan had for each table.
   *
   * @param knowing whether central knows what the edge has, so that it can make patches
   */
  async sync(
    services: CentralServices,
    { knowing = true, ...options }: CycleOptions & { knowing?: boolean } = {},
  ) {
    const hub = knowing ? new LocalHub(services, macAddress) : new ForgetfulHub(services, macAddress);
    const { status, error, tables } = await this.edge.sync({ hub, ...options });
    return { status, error, plan: hub.actions, done: tables.map(({ action }) => action) };
  }

  /** The rows of a table on both sides, as text: these casts need no search_path. */
  async bothTexts(table: string, columns: string[], where = 'TRUE'): Promise<[string[], string[]]> {
    const texts = columns.map((column) => `${column}::text`).join(', ');
    const read = async (from: string, condition: string): Promise<string[]> => {
      const pool = from.startsWith('source.') ? this.central.database.pool : this.edge.database.pool;
      const { rows } = await pool.query<{ row: string }>(
        `SELECT ROW(${texts})::text AS row FROM ${from} WHERE ${condition}`,
      );
      return rows.map(({ row }) => row).toSorted();
    };
    return [await read(`source.${table}`, where), await read(`public.${table}`, 'TRUE')];
  }
}
