import { Injectable, Logger } from '@nestjs/common';
import { OwnTables, requestInvalid } from '@rivulet/platform';
import { DataSource } from 'typeorm';

/** Beyond it an epoch is a mistake: there is one for each restore. */
export const EPOCH_MAX = 1_000_000_000;
/** Devices never go back, so one wrong call must not use the epochs up. */
const EPOCHS_AT_ONCE = 1_000;

export interface RaisedEpoch {
  before: number;
  epoch: number;
  /** Devices that were refused, and are served again. */
  released: number;
}

/** Which life of central's database it is. An operator raises it after a restore. */
@Injectable()
export class EpochService {
  private readonly logger = new Logger('Epoch');

  private readonly tables: OwnTables;

  constructor(database: DataSource) {
    this.tables = new OwnTables(database);
  }

  /**
   * Makes all manifests that are issued from now on later than any that was issued before.
   *
   * @param above an epoch that devices have seen, where that is higher than the one of this database
   * @throws RivuletError REQUEST_INVALID when there is no higher epoch
   */
  async raise(above = 0): Promise<RaisedEpoch> {
    const raised = await this.tables.transaction(async ({ manager }) => {
      const [state] = await manager.query<{ epoch: number }[]>(
        'SELECT epoch FROM rivulet.central_state FOR UPDATE',
      );
      const before = state!.epoch;
      const epoch = Math.max(before, above) + 1;
      if (epoch > before + EPOCHS_AT_ONCE)
        throw requestInvalid([{ field: 'above', reason: `must be below ${before + EPOCHS_AT_ONCE}` }]);
      if (epoch > EPOCH_MAX) throw requestInvalid([{ field: 'above', reason: `must be below ${EPOCH_MAX}` }]);
      await manager.query('UPDATE rivulet.central_state SET epoch = $1', [epoch]);
      const [row] = await manager.query<{ released: string }[]>(
        `WITH released AS (DELETE FROM rivulet.foreign_positions WHERE epoch < $1 RETURNING device_id)
         SELECT count(*) AS released FROM released`,
        [epoch],
      );
      return { before, epoch, released: Number(row!.released) };
    });
    this.tables.afterCommit(() =>
      this.logger.warn(raised, `The epoch was raised from ${raised.before} to ${raised.epoch}`),
    );
    return raised;
  }
}
