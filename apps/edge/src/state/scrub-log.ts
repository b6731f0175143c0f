import type { DataSource } from 'typeorm';
import type { ScrubResult } from '../scrub/scrub-result';
import { EdgeScrubLog } from './edge-scrub-log.entity';

/** Counted, not aged: an edge's clock may be wrong by decades. */
const LOG_ROWS_KEPT = 500;

/** The only writer of what scrubs have found. */
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

  /** The result of the last scrub, of whatever process. */
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
