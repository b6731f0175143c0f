import { CentralFixture } from '../../../apps/central/test/central-fixture';
import { CentralServices, WrittenFile } from '../../../apps/central/test/central-services';
import { narrowedDevices, RandomNarrowing, type SiteType } from './random-narrowing';
import type { NarrowingFault } from './narrowing-faults';
import { LateWriters } from './late-writers';
import { Randomness } from './random-source';
import { RememberedAnswers, trueAnswer, type Answer } from './remembered-answers';
import { SourceTruth } from './source-truth';

/** An answer of central that is not what the source says in the same moment. */
export interface WrongAnswer {
  story: string;
  answered: Answer;
  wanted: Answer | undefined;
}

export interface HistoryLength {
  steps: number;
  datasets: number;
  /** Whether answers are those of snapshots that are cut and stored; else they are remembered as they are read. */
  hasStore: boolean;
  siteType?: SiteType;
  fault?: NarrowingFault;
}

/**
 * One source with random tables and queries, random writers that commit late or never, and two centrals. After every step
 * the answer for a device is compared with the source itself.
 */
export class NarrowedHistory {
  private readonly random: Randomness;
  private readonly truths: SourceTruth[];
  private readonly remembered: RememberedAnswers;
  private readonly writers: LateWriters;
  private readonly told: string[] = [];
  private fromMemory = 0;
  private isRacing = false;

  private constructor(
    readonly seed: number,
    private readonly narrowing: RandomNarrowing,
    private readonly fixture: CentralFixture,
    private readonly file: WrittenFile,
    readonly centrals: CentralServices[],
    random: Randomness,
    private readonly length: HistoryLength,
  ) {
    this.random = random;
    this.remembered = new RememberedAnswers(fixture.database.pool, length.fault, () => this.interrupt());
    const { url } = fixture.database;
    this.writers = new LateWriters(random, { url, most: 3, besides: 1, lockTimeoutMs: 50 });
    this.truths = narrowedDevices.map((mac) => new SourceTruth(file.path, fixture.database.pool, mac));
  }

  static async start(seed: number, length: HistoryLength): Promise<NarrowedHistory> {
    const random = new Randomness(seed);
    const narrowing = new RandomNarrowing(random, length.siteType);
    const fixture = await CentralFixture.create();
    await fixture.database.pool.query(
      `BEGIN; SET LOCAL client_min_messages = error; ${narrowing.schema}; COMMIT`,
    );
    const file = new WrittenFile(narrowing.datasetsFile(length.datasets));
    const settings = { pollIntervalMs: 3_600_000 };
    const centrals = [
      await CentralServices.load(fixture, file, settings),
      await CentralServices.load(fixture, file, settings),
    ];
    const history = new NarrowedHistory(seed, narrowing, fixture, file, centrals, random, length);
    if (length.hasStore) for (const truth of history.truths) await truth.describe();
    if (length.fault?.trigger !== undefined) await history.spoilTriggers(length.fault.trigger);
    return history;
  }

  /** Answers that were given without reading anything. */
  get unread(): number {
    return this.fromMemory + this.remembered.unread;
  }

  private async spoilTriggers(spoil: (body: string) => string): Promise<void> {
    const { pool } = this.fixture.database;
    const { rows } = await pool.query<{ name: string; body: string }>(
      `SELECT oid::regproc::text AS name, prosrc AS body FROM pg_proc
       WHERE pronamespace = 'rivulet'::regnamespace AND proname ~ '^note_[0-9]+$'`,
    );
    for (const { name, body } of rows) {
      await pool.query(
        `CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
         SET search_path = pg_catalog, pg_temp AS $spoilt$${spoil(body)}$spoilt$`,
      );
    }
  }

  async close(): Promise<void> {
    await this.writers.close();
    this.file.remove();
    await this.fixture.close();
  }

  /** @returns the first wrong answer */
  async play(): Promise<WrongAnswer | undefined> {
    for (let step = 1; step <= this.length.steps; step++) {
      this.told.push(await this.step());
      const wrong = await this.compare(this.device());
      if (wrong !== undefined) return wrong;
      if (step === Math.ceil(this.length.steps / 2)) {
        const wrongOfMany = await this.writeMany();
        if (wrongOfMany !== undefined) return wrongOfMany;
      }
    }
    return undefined;
  }

  /** Once, as it makes large tables. */
  private async writeMany(): Promise<WrongAnswer | undefined> {
    const devices = [this.device(), this.device(), this.device()];
    for (const device of devices) await this.answerOf(this.centrals[0]!, device);
    for (const statement of this.narrowing.many) {
      this.told.push(await this.writers.write(statement));
      for (const device of devices) {
        const wrong = await this.compare(device);
        if (wrong !== undefined) return wrong;
      }
    }
    return undefined;
  }

  private async step(): Promise<string> {
    const { random, writers } = this;
    const kind = random.below(7);
    if (kind === 0 && writers.mayBegin) return this.begin();
    if (kind === 1 && writers.mayFinish) {
      const how = random.below(3) === 0 ? 'ROLLBACK' : 'COMMIT';
      return writers.finish(() => how);
    }
    if (kind === 2 && this.length.fault?.trigger === undefined) {
      await this.centrals[random.below(2)]!.watch.reconcile();
      return 'a look';
    }
    if (kind === 3) return this.race();
    return writers.write(this.narrowing.statement());
  }

  private async interrupt(): Promise<void> {
    if (this.isRacing || this.random.below(4) > 0) return;
    const { writers } = this;
    const done = writers.mayFinish ? writers.finish(() => 'COMMIT') : writers.write(this.statement());
    this.told.push(`meanwhile: ${await done}`);
  }

  /** Writers and requests at the same time: whatever these see, nothing wrong must be remembered of it. */
  private async race(): Promise<string> {
    const statements = [this.statement(), this.statement()];
    const devices = [this.device(), this.device()];
    this.isRacing = true;
    const [done] = await Promise.all([
      Promise.all(statements.map((statement) => this.writers.write(statement))),
      ...this.centrals.map((central, index) => this.answerOf(central, devices[index]!)),
    ]);
    this.isRacing = false;
    return `at once: ${done.join('; ')}`;
  }

  /** What TRUNCATE locks could not be read before it is over. */
  private statement(): string {
    const statement = this.narrowing.statement();
    return statement.startsWith('TRUNCATE') ? this.statement() : statement;
  }

  private begin(): Promise<string> {
    const statements = [this.statement(), this.statement(), this.statement()];
    return this.writers.begin(statements.slice(this.random.below(3)), 5);
  }

  private device(): number {
    return this.random.below(narrowedDevices.length);
  }

  private async compare(device: number): Promise<WrongAnswer | undefined> {
    const answered = await this.answerOf(this.centrals[this.random.below(2)]!, device);
    const wanted = await this.truthOf(device);
    if (JSON.stringify(answered) === JSON.stringify(wanted)) return undefined;
    const story = `seed ${this.seed}, device ${device + 1}:\n${this.told.join('\n')}`;
    return { story, answered, wanted };
  }

  private async truthOf(device: number): Promise<Answer | undefined> {
    if (this.length.hasStore) return this.truths[device]!.checksums();
    const { catalogue } = this.centrals[0]!.datasets;
    return trueAnswer(this.fixture.database.pool, catalogue, narrowedDevices[device]!);
  }

  private async answerOf(central: CentralServices, device: number): Promise<Answer> {
    const macAddress = narrowedDevices[device]!;
    if (!this.length.hasStore) return this.remembered.of(central, macAddress);
    const known = await central.scopes.find({ macAddress });
    const current = central.snapshots.current(known);
    if (current !== undefined) this.fromMemory += 1;
    const snapshots = current ?? (await central.snapshots.bringUpToDate(known));
    return Object.fromEntries(snapshots.map(({ dataset, checksum }) => [dataset.schema.name, checksum]));
  }
}
