import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { CollectionDatabase } from '../collection-database';
import type { AgentColumn, AgentRows } from './read-data';

/** The parts that a job has been sent in. */
export interface Parts {
  runId: string;
  deviceId: string;
  attempt: number;
}

interface KnownMessage extends Parts {
  part: number;
}

/** DATA messages that were taken. */
@Injectable()
export class AgentMessages {
  constructor(private readonly database: CollectionDatabase) {}

  /**
   * Whether a message was taken before.
   *
   * @throws RivuletError AGENT_MESSAGE_INVALID when another message had its ID
   */
  async isKnown(deviceId: string, messageId: string, message: AgentRows): Promise<boolean> {
    const [known] = await this.database.rows<KnownMessage>(
      `SELECT run_id AS "runId", device_id AS "deviceId", attempt, part FROM rivulet.collection_messages
       WHERE device_id = $1 AND message_id = $2`,
      [deviceId, messageId],
    );
    if (known === undefined) return false;
    const isSame =
      known.runId === message.runId && known.attempt === message.attempt && known.part === message.part;
    if (isSame) return true;
    throw new RivuletError('AGENT_MESSAGE_INVALID', `Another message had the ID ${messageId}.`);
  }

  /** @throws RivuletError AGENT_MESSAGE_INVALID when the part has come with another ID */
  async add(deviceId: string, messageId: string, message: AgentRows): Promise<void> {
    const { runId, attempt, part, isLast, columns, content } = message;
    const added = await this.database.rows(
      `INSERT INTO rivulet.collection_messages
         (device_id, message_id, run_id, attempt, part, is_last, columns, content)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING part`,
      [deviceId, messageId, runId, attempt, part, isLast, columns && JSON.stringify(columns), content],
    );
    if (added.length > 0 || (await this.isKnown(deviceId, messageId, message))) return;
    throw new RivuletError('AGENT_MESSAGE_INVALID', `Part ${part} has come with another ID.`);
  }

  /**
   * The columns of rows whose parts are all there.
   *
   * @returns how many parts there are
   * @throws RivuletError COLLECTION_CHUNKS_MISSING
   */
  async complete({ runId, deviceId, attempt }: Parts): Promise<{ parts: number; columns: AgentColumn[] }> {
    const [found] = (await this.database.rows<{ parts: number; last: number | null; columns: AgentColumn[] }>(
      `SELECT count(*)::int AS parts, max(part) FILTER (WHERE is_last) AS last,
              (array_agg(columns ORDER BY part))[1] AS columns, max(part) AS highest
       FROM rivulet.collection_messages WHERE run_id = $1 AND device_id = $2 AND attempt = $3 AND content IS NOT NULL`,
      [runId, deviceId, attempt],
    )) as [{ parts: number; last: number | null; highest: number; columns: AgentColumn[] }];
    if (found.last === found.parts && found.highest === found.parts) return found;
    throw new RivuletError(
      'COLLECTION_CHUNKS_MISSING',
      `Of ${found.last ?? found.highest} parts ${found.parts} have arrived.`,
      { retryAfterSeconds: 1 },
    );
  }

  /** One part in memory at a time. */
  async *content({ runId, deviceId, attempt }: Parts, parts: number): AsyncGenerator<Buffer, void> {
    for (let part = 1; part <= parts; part++) {
      const [row] = await this.database.rows<{ content: string }>(
        `SELECT content FROM rivulet.collection_messages
         WHERE run_id = $1 AND device_id = $2 AND attempt = $3 AND part = $4 AND content IS NOT NULL`,
        [runId, deviceId, attempt, part],
      );
      if (row === undefined) throw new Error('Parts of a job were removed while they were read.');
      if (row.content !== '') yield Buffer.from(row.content);
    }
  }
}
