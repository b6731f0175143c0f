import { createPool } from '@rivulet/postgres';
import type { Pool, PoolClient } from 'pg';
import { CentralFixture } from '../../apps/central/test/central-fixture';
import { CentralServices, WrittenFile } from '../../apps/central/test/central-services';
import { narrowedDevices, RandomNarrowing } from './random-narrowing';
import { Randomness } from './random-source';
import { SourceTruth } from './source-truth';

const STEPS = 60;
const DATASETS = 16;
const MOST_WRITERS = 3;

/** An answer of central that is not what the source says in the same moment. */
export interface WrongAnswer {
  story: string;
  answered: Record<string, string>;
  wanted: Record<string, string> | undefined;
}

/**
 * One source with random tables and queries, random writers that commit late or never, and two centrals. After every step
 * the answer for a device is compared with the source itself.
 */
export class NarrowedHistory {
  private readonly random: Randomness;
  private readonly truths: SourceTruth[];
  private readonly writers: PoolClient[] = [];
  private readonly told: string[] = [];
  private readonly pool: Pool;
  /** Answers that were given without reading anything, although something had changed. */
  unread = 0;

  private constructor(
    readonly seed: number,
    private readonly narrowing: RandomNarrowing,
    private readonly fixture: CentralFixture,
    private readonly file: WrittenFile,
    readonly centrals: CentralServices[],
    random: Randomness,
  ) {
    this.random = random;
    this.pool = createPool({
      url: fixture.database.url,
      applicationName: 'writers',
      maxConnections: MOST_WRITERS + 1,
      limits: { statementTimeoutMs: 10_000, lockTimeoutMs: 50 },
    });
    this.truths = narrowedDevices.map((mac) => new SourceTruth(file.path, fixture.database.pool, mac));
  }

  static async start(seed: number): Promise<NarrowedHistory> {
    const random = new Randomness(seed);
    const narrowing = new RandomNarrowing(random);
    const fixture = await CentralFixture.create();
    await fixture.database.pool.query(
      `BEGIN; SET LOCAL client_min_messages = error; ${narrowing.schema}; COMMIT`,
    );
    const file = new WrittenFile(narrowing.datasetsFile(DATASETS));
    const settings = { pollIntervalMs: 3_600_000 };
    const centrals = [
      await CentralServices.load(fixture, file, settings),
      await CentralServices.load(fixture, file, settings),
    ];
    const history = new NarrowedHistory(seed, narrowing, fixture, file, centrals, random);
    for (const truth of history.truths) await truth.describe();
    return history;
  }

  async close(): Promise<void> {
    for (const writer of this.writers) await end(writer, 'ROLLBACK');
    await this.pool.end();
    this.file.remove();
    await this.fixture.close();
  }

  /** @returns the first wrong answer */
  async play(): Promise<WrongAnswer | undefined> {
    for (let step = 1; step <= STEPS; step++) {
      this.told.push(await this.step());
      const wrong = await this.compare();
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  private async step(): Promise<string> {
    const { random, writers } = this;
    const kind = random.below(6);
    if (kind === 0 && writers.length < MOST_WRITERS) return this.begin();
    if (kind === 1 && writers.length > 0) return this.finish(random.below(3) === 0 ? 'ROLLBACK' : 'COMMIT');
    if (kind === 2) {
      await this.centrals[random.below(2)]!.watch.reconcile();
      return 'a look';
    }
    return this.write(this.pool, this.narrowing.statement());
  }

  /** What TRUNCATE locks could not be read before it is over. */
  private statement(): string {
    const statement = this.narrowing.statement();
    return statement.startsWith('TRUNCATE') ? this.statement() : statement;
  }

  private async begin(): Promise<string> {
    const writer = await this.pool.connect();
    this.writers.push(writer);
    await writer.query('BEGIN');
    const statements = [this.statement(), this.statement(), this.statement()];
    const done: string[] = [];
    for (const statement of statements.slice(this.random.below(3))) {
      await writer.query('SAVEPOINT s');
      done.push(await this.write(writer, statement));
      if (this.random.below(5) === 0) await writer.query('ROLLBACK TO SAVEPOINT s');
    }
    return `begin: ${done.join('; ')}`;
  }

  private async finish(how: 'COMMIT' | 'ROLLBACK'): Promise<string> {
    const [writer] = this.writers.splice(this.random.below(this.writers.length), 1);
    await end(writer!, how);
    return how;
  }

  private async write(client: Pool | PoolClient, statement: string): Promise<string> {
    try {
      await client.query(statement);
      return statement;
    } catch (error) {
      if (client !== this.pool) await client.query('ROLLBACK TO SAVEPOINT s');
      return `${statement} (${String(error)})`;
    }
  }

  private async compare(): Promise<WrongAnswer | undefined> {
    const device = this.random.below(narrowedDevices.length);
    const central = this.centrals[this.random.below(2)]!;
    const known = await central.scopes.find({ macAddress: narrowedDevices[device]! });
    const current = central.snapshots.current(known);
    if (current !== undefined) this.unread += 1;
    const snapshots = current ?? (await central.snapshots.bringUpToDate(known));
    const answered = Object.fromEntries(
      snapshots.map(({ dataset, checksum }) => [dataset.schema.name, checksum]),
    );
    const wanted = await this.truths[device]!.checksums();
    if (JSON.stringify(answered) === JSON.stringify(wanted)) return undefined;
    const story = `seed ${this.seed}, device ${device + 1}:\n${this.told.join('\n')}`;
    return { story, answered, wanted };
  }
}

async function end(writer: PoolClient, how: string): Promise<void> {
  await writer.query(how);
  writer.release();
}
