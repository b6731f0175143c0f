import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/protocol';
import { inTransaction, useCanonicalSettings, withClient } from '@rivulet/postgres';
import { DataSource } from 'typeorm';
import { CentralEnv } from '../central-env';
import { SourceDatabase } from '../database/source-database';
import { DatasetCatalogue } from '../datasets/dataset-catalogue';
import { resolveScope } from '../scope/resolve-scope';
import { buildSnapshot } from './build-snapshot';
import { ChunkStore } from './chunk-store';
import type { Snapshot } from './snapshot';

@Injectable()
export class SnapshotService {
  private running = 0;

  constructor(
    private readonly env: CentralEnv,
    private readonly database: DataSource,
    private readonly store: ChunkStore,
    private readonly source: SourceDatabase,
    private readonly catalogue: DatasetCatalogue,
  ) {}

  /**
   * Reads every dataset for a device, and has `use` do something with the snapshots, which stay stored meanwhile.
   *
   * @throws RivuletError SERVER_BUSY when as many builds as allowed are under way; what resolveScope throws; and
   *   DATASET_… when a query or its rows are at fault
   */
  async withSnapshots<T>(macAddress: string, use: (snapshots: Snapshot[]) => Promise<T>): Promise<T> {
    if (this.running >= this.env.maxSnapshotBuilds) {
      const message = `Central is already reading the data of ${this.running} devices.`;
      const retryAfterSeconds = 2 + Math.floor(Math.random() * 8);
      throw new RivuletError('SERVER_BUSY', message, { retryAfterSeconds });
    }
    this.running += 1;
    try {
      return await this.store.keepingAll(async () => use(await this.build(macAddress)));
    } finally {
      this.running -= 1;
    }
  }

  /** One REPEATABLE READ transaction over the scope and all datasets: one moment of the source database. */
  private async build(macAddress: string): Promise<Snapshot[]> {
    return withClient(this.source.pool, (client) =>
      inTransaction(client, { ...this.limits, isolation: 'REPEATABLE READ', readOnly: true }, async () => {
        await useCanonicalSettings(client);
        const scope = await resolveScope(client, this.catalogue.scope, macAddress);
        const snapshots: Snapshot[] = [];
        for (const dataset of this.catalogue.datasets) {
          snapshots.push(await buildSnapshot(client, dataset, scope.parameters, this.store, this.database));
        }
        return snapshots;
      }),
    );
  }

  private get limits(): { statementTimeoutMs: number; lockTimeoutMs: number; idleTimeoutMs: number } {
    return {
      statementTimeoutMs: this.env.sourceStatementTimeoutMs,
      lockTimeoutMs: 10_000,
      idleTimeoutMs: 60_000,
    };
  }
}
