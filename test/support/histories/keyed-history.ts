import { inTransaction, readSource, useCanonicalSettings, withClient } from '@rivulet/postgres';
import { TableHasher } from '@rivulet/protocol';
import { bindQuery, readChunks } from '@rivulet/snapshot';
import { CentralFixture } from '../../../apps/central/test/central-fixture';
import { CentralServices, WrittenFile } from '../../../apps/central/test/central-services';
import { followPatch, watchPatches, type KeptPatch } from '../../../apps/central/test/follow-patch';
import type { KeyedFault } from './keyed-faults';
import { randomTables, type KeyedTable } from './keyed-source';
import { LateWriters } from './late-writers';
import { Randomness } from './random-source';

const MAC = '02:00:00:00:00:01';

/** By dataset, everything that a manifest and a device depend on, chunk by chunk. */
type Answer = Record<string, string[]>;

export interface KeyedHistoryLength {
  steps: number;
  tables: number;
  fault?: KeyedFault;
}

/**
 * A source with tables whose changed rows are told by their keys, random writers that commit late or never, and two
 * centrals. After every step what a central has stored is compared, chunk by chunk, with a whole reading of the source, and the patches that came of it are followed.
 */
export class KeyedHistory {
  private readonly writers: LateWriters;
  private readonly told: string[] = [];
  /** Of each central. */
  private readonly patches: KeptPatch[][];
  patchesFollowed = 0;

  private constructor(
    readonly seed: number,
    private readonly random: Randomness,
    private readonly tables: KeyedTable[],
    private readonly fixture: CentralFixture,
    private readonly file: WrittenFile,
    private readonly centrals: CentralServices[],
    private readonly length: KeyedHistoryLength,
  ) {
    this.patches = centrals.map(({ readyPatches }) => watchPatches(readyPatches));
    const { url } = fixture.database;
    this.writers = new LateWriters(random, { url, most: 2, besides: 2, lockTimeoutMs: 100 });
  }

  static async start(seed: number, length: KeyedHistoryLength): Promise<KeyedHistory> {
    const random = new Randomness(seed);
    for (let index = 0; index < 10; index++) random.below(2);
    const tables = randomTables(random, length.tables);
    const fixture = await CentralFixture.create();
    await fixture.database.pool.query(`
      CREATE TABLE public.devices (id int PRIMARY KEY, mac_address text, site int);
      INSERT INTO public.devices VALUES (1, '${MAC}', 1); ${tables.map(({ definition }) => definition).join('\n')}`);
    const file = new WrittenFile(`version: 1
scope: { query: "SELECT id AS device_id, site FROM public.devices WHERE mac_address = :mac_address" }
datasets:
${tables.flatMap(({ datasets }) => datasets.map((dataset) => `  - ${dataset}\n`)).join('')}`);
    const settings = {
      pollIntervalMs: 3_600_000,
      leastKeyedBytes: 0,
      changedChunks: { leastBytes: 0, mostCost: Infinity, mostShare: 0.7 },
    };
    const centrals = [
      await CentralServices.load(fixture, file, settings),
      await CentralServices.load(fixture, file, settings),
    ];
    const history = new KeyedHistory(seed, random, tables, fixture, file, centrals, length);
    if (length.fault?.trigger !== undefined) await history.spoilTriggers(length.fault.trigger);
    return history;
  }

  /** Datasets that were read: all of them, or only what had changed. */
  async readsOf(read: 'whole' | 'changed'): Promise<number> {
    const { values } = await this.fixture.metrics.snapshotsBuilt.get();
    return values.find(({ labels }) => labels.read === read)?.value ?? 0;
  }

  async close(): Promise<void> {
    await this.writers.close();
    this.file.remove();
    await this.fixture.close();
  }

  /** @returns what happened up to the first answer that is not what the source says */
  async play(): Promise<string | undefined> {
    await this.answerOf(this.centrals[0]!);
    for (let step = 1; step <= this.length.steps; step++) {
      const isAltering = this.length.fault?.trigger === undefined && this.random.below(12) === 0;
      const wrong = isAltering ? await this.alter() : await this.stepAndCompare();
      if (wrong !== undefined) return `seed ${this.seed}, ${wrong}:\n${this.told.join('\n')}`;
    }
    return undefined;
  }

  private async stepAndCompare(): Promise<string | undefined> {
    this.told.push(await this.step());
    return this.compare();
  }

  private async step(): Promise<string> {
    const { random, writers } = this;
    const kind = random.below(9);
    if (kind === 0 && writers.mayBegin) return writers.begin([this.statement(), this.statement()], 4);
    if (kind === 1 && writers.mayFinish) return this.finish();
    if (kind === 2) return this.race();
    if (kind === 3 && random.below(2) === 0) return writers.write(random.pick(this.tables).largeStatement());
    return writers.write(random.pick(this.tables).statement());
  }

  /** Definitions are compared at a look; only what is written after such a change must be right before it. */
  private async alter(): Promise<string | undefined> {
    while (this.writers.mayFinish) this.told.push(await this.finish());
    const table = this.random.pick(this.tables);
    this.told.push(await this.writers.write(table.alteration()));
    const wrong = await this.compare([table.name]);
    for (const central of this.centrals) await central.watch.reconcile();
    return wrong ?? this.compare();
  }

  private async race(): Promise<string> {
    const statements = [this.statement(), this.statement()];
    const [done] = await Promise.all([
      Promise.all(statements.map((statement) => this.writers.write(statement))),
      ...this.centrals.map((central) => this.answerOf(central)),
    ]);
    return `at once: ${done.join('; ')}`;
  }

  private statement(): string {
    return this.random.pick(this.tables).statement();
  }

  private finish(): Promise<string> {
    return this.writers.finish(() => (this.random.below(3) === 0 ? 'ROLLBACK' : 'COMMIT'));
  }

  private async compare(names?: string[]): Promise<string | undefined> {
    const { fault } = this.length;
    if (fault?.log !== undefined) {
      await this.centrals[0]!.changes.versions();
      await this.fixture.database.pool.query(fault.log);
    }
    const answered = await this.answerOf(this.centrals[this.random.below(2)]!);
    const wanted = await this.truth();
    const wrong = (names ?? Object.keys(wanted)).find(
      (name) => JSON.stringify(answered[name]) !== JSON.stringify(wanted[name]),
    );
    return wrong ?? this.followPatches();
  }

  private async followPatches(): Promise<string | undefined> {
    for (const patches of this.patches) {
      for (const patch of patches.splice(0)) {
        this.patchesFollowed += 1;
        const wrong = await followPatch(this.fixture, this.centrals[0]!.datasets.catalogue, patch);
        if (wrong !== undefined) return wrong;
      }
    }
    return undefined;
  }

  private async answerOf(central: CentralServices): Promise<Answer> {
    const known = await central.scopes.find({ macAddress: MAC });
    const snapshots = central.snapshots.current(known) ?? (await central.snapshots.bringUpToDate(known));
    const { rows } = await this.fixture.database.pool.query<{ id: string; chunks: string[] }>(
      `SELECT snapshot_id AS id, array_agg(concat_ws(' ', encode(digest, 'hex'), content_bytes, last_key) ORDER BY position) AS chunks
       FROM rivulet.snapshot_chunks WHERE snapshot_id = ANY ($1) GROUP BY snapshot_id`,
      [snapshots.map(({ snapshotId }) => snapshotId)],
    );
    const lists = new Map(rows.map(({ id, chunks }) => [Number(id), chunks]));
    return Object.fromEntries(
      snapshots.map(({ dataset, snapshotId, checksum, rows: count, bytes }) => {
        return [dataset.schema.name, [`${checksum} ${count} ${bytes}`, ...(lists.get(snapshotId) ?? [])]];
      }),
    );
  }

  private async truth(): Promise<Answer> {
    const { catalogue } = this.centrals[0]!.datasets;
    const { scope } = await this.centrals[0]!.scopes.find({ macAddress: MAC });
    return withClient(this.fixture.database.pool, (client) =>
      inTransaction(client, readSource(10_000), async () => {
        await useCanonicalSettings(client);
        const answer: Answer = {};
        for (const { schema, fingerprint, columns, definition } of catalogue.datasets) {
          const boundQuery = bindQuery(definition.query.template, scope.parameters);
          const hasher = new TableHasher(fingerprint);
          const chunks: string[] = [];
          for await (const chunk of readChunks(client, {
            boundQuery,
            columns,
            keyColumns: definition.key.length,
          })) {
            hasher.add(chunk);
            chunks.push(`${chunk.digest.toString('hex')} ${chunk.bytes} ${chunk.lastKey}`);
          }
          const { checksum, rows, bytes } = hasher.finish();
          answer[schema.name] = [`${checksum} ${rows} ${bytes}`, ...chunks];
        }
        return answer;
      }),
    );
  }

  private async spoilTriggers(spoil: (body: string) => string): Promise<void> {
    const { pool } = this.fixture.database;
    const { rows } = await pool.query<{ name: string; body: string }>(
      `SELECT oid::regproc::text AS name, prosrc AS body FROM pg_proc
       WHERE pronamespace = 'rivulet'::regnamespace AND proname ~ '^note_[0-9]+$' AND prosrc LIKE '%rivulet_count > 2000%'
         AND prosrc LIKE '% AS key FROM new_rows%'`,
    );
    for (const { name, body } of rows) {
      await pool.query(
        `CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
         SET search_path = pg_catalog, pg_temp AS $spoilt$${spoil(body)}$spoilt$`,
      );
    }
  }
}
