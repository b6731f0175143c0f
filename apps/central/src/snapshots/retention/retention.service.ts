import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { namedError } from '@rivulet/platform';
import { hasSqlState, inTransaction, ownTables, sqlState } from '@rivulet/postgres';
import type { PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { lockForCollection } from '../snapshot-locks';
import { SnapshotsEnv } from '../snapshots.env';
import { SnapshotsMetrics } from '../snapshots.metrics';
import {
  deleteOldManifests,
  deleteOldRequests,
  deleteUnusedCacheEntries,
  deleteUnusedChunks,
  deleteUnusedSnapshots,
} from './collection-queries';

const EVERY_MS = 10 * 60_000;

/** While this waits for builds to end, new ones wait behind it, so it does not wait for long. */
const LOCK_TIMEOUT_MS = 2_000;

/** What a collection removed, in rows. */
export interface Collected {
  requests: number;
  manifests: number;
  snapshots: number;
  chunks: number;
}

/** Removes what no device needs any more: central's tables do not grow for ever. */
@Injectable()
export class RetentionService {
  private readonly logger = new Logger('Retention');

  constructor(
    private readonly env: SnapshotsEnv,
    private readonly database: DataSource,
    private readonly metrics: SnapshotsMetrics,
  ) {}

  /** A database that is away, or builds that take long, are no reason to worry: there is a next time. */
  @Interval('collect', EVERY_MS)
  async collectInBackground(): Promise<void> {
    try {
      const collected = await this.collect();
      for (const [table, count] of Object.entries(collected ?? {}))
        this.metrics.collectedRows.inc({ table }, count);
      if (collected === undefined) this.logger.debug('Nothing collected: snapshots are being built');
      else if (Object.values(collected).some((count) => count > 0)) this.logger.log(collected, 'Collected');
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `Nothing collected this time: ${message}`);
    }
  }

  /** Collects in one transaction; undefined when builds are under way, which need what is there. */
  async collect(): Promise<Collected | undefined> {
    const { auditRetentionMs, payloadRetentionMs } = this.env;
    const limits = { ...ownTables, statementTimeoutMs: 300_000, lockTimeoutMs: LOCK_TIMEOUT_MS };
    const runner = this.database.createQueryRunner();
    try {
      const client = (await runner.connect()) as PoolClient;
      return await inTransaction(client, limits, async () => {
        await lockForCollection(client);
        const remove = async (statement: string, values: number[] = []): Promise<number> => {
          return (await client.query(statement, values)).rowCount ?? 0;
        };
        await remove(deleteUnusedCacheEntries, [payloadRetentionMs]);
        return {
          requests: await remove(deleteOldRequests, [auditRetentionMs]),
          manifests: await remove(deleteOldManifests, [auditRetentionMs]),
          snapshots: await remove(deleteUnusedSnapshots, [payloadRetentionMs]),
          chunks: await remove(deleteUnusedChunks),
        };
      });
    } catch (error) {
      if (hasSqlState(error, sqlState.lockNotAvailable)) return undefined;
      throw error;
    } finally {
      await runner.release();
    }
  }
}
