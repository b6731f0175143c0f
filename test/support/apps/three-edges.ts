import { CentralFixture } from '../../../apps/central/test/central-fixture';
import { CentralServices } from '../../../apps/central/test/central-services';
import { SyncCycleFixture } from '../../../apps/edge/test/sync-cycle-fixture';

/** One central, and three edges for the three ways in which rows get to a mirror. Registers its hooks by itself. */
export class ThreeEdges {
  source: CentralFixture;
  central: CentralServices;
  readonly edges = {
    delta: new SyncCycleFixture(),
    chunks: new SyncCycleFixture(),
    full: new SyncCycleFixture(),
  };

  /** @param schema SQL for the source @param datasets the text of the datasets file */
  static setUp(schema: string, datasets: string): ThreeEdges {
    const system = new ThreeEdges();
    beforeAll(() => system.open(schema, datasets));
    afterAll(() => system.close());
    return system;
  }

  private async open(schema: string, datasets: string): Promise<void> {
    this.source = await CentralFixture.create({ storeConnections: 8 });
    await this.source.database.pool.query(schema);
    this.central = await CentralServices.start(this.source, datasets);
    for (const edge of Object.values(this.edges)) {
      await edge.open();
      await edge.begin();
    }
  }

  private async close(): Promise<void> {
    for (const edge of Object.values(this.edges)) {
      await edge.end();
      await edge.close();
    }
    await this.source.close();
  }
}
