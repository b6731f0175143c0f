import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { ScrubResult } from './scrub-result';
import { EdgeScrubLog } from './edge-scrub-log.entity';

/** A count, not an age: an edge's clock may be wrong by decades. */
const LOG_ROWS_KEPT = 500;

/** The only writer of the scrub log. */
@Injectable()
export class ScrubLog {
  constructor(private readonly database: DataSource) {}

  async append({ repair, error, startedAt, finishedAt, ...same }: ScrubResult): Promise<void> {
    const { manager } = this.database;
    await manager.insert(EdgeScrubLog, {
      ...same,
      startedAt: new Date(startedAt),
      finishedAt: new Date(finishedAt),
      repair: repair ?? null,
      error: error ?? null,
    });
    await manager.query(
      'DELETE FROM rivulet.edge_scrub_log WHERE id <= (SELECT max(id) FROM rivulet.edge_scrub_log) - $1',
      [LOG_ROWS_KEPT],
    );
  }

  /** The result of the last scrub, by any process. */
  async last(): Promise<ScrubResult | undefined> {
    const [entry] = await this.database.manager.find(EdgeScrubLog, { order: { id: 'DESC' }, take: 1 });
    if (entry === undefined) return undefined;
    const { id: _id, startedAt, finishedAt, repair, error, ...same } = entry;
    return {
      ...same,
      startedAt: startedAt.toISOString(),
      finishedAt: finishedAt.toISOString(),
      ...(repair === null ? {} : { repair }),
      ...(error === null ? {} : { error }),
    };
  }
}
