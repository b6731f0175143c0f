import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { namedError } from '@rivulet/platform';
import {
  AgentInbox,
  type AgentReceiver,
  type AnswerMessage,
  type DataMessage,
  type Sender,
} from '../../live/sessions/agent-inbox';
import { Admission } from '../arrival/admission';
import { ArrivalService } from '../arrival/arrival.service';
import { ArrivedChunks } from '../arrival/arrived-chunks';
import { Quotas } from '../arrival/quotas';
import { CollectionDatabase } from '../collection-database';
import { CollectionEnv } from '../collection.env';
import { CollectionMetrics } from '../collection.metrics';
import { TaskQueue, type ActiveTask } from '../runs/task-queue';
import { AgentJobs } from './agent-jobs';
import { AgentMessages } from './agent-messages';
import { readData, readJobId, type AgentRows } from './read-data';
import { stageRows } from './stage-rows';

/** Messages that one central stores at once. */
const MESSAGES_AT_ONCE = 32;

/** Codes that an agent's rows can get where neither waiting nor sending again helps, and central has not ended the task yet. */
const ENDING = new Set<string>(['DATASET_KEY_NULL', 'DATASET_KEY_NOT_UNIQUE', 'ROW_TOO_LARGE']);

/** Takes the rows that small agents send as DATA messages for a job. */
@Injectable()
export class AgentDataService implements AgentReceiver, OnModuleInit {
  private readonly logger = new Logger('Collection');
  private readonly storing: Admission;

  constructor(
    private readonly inbox: AgentInbox,
    private readonly database: CollectionDatabase,
    private readonly queue: TaskQueue,
    private readonly jobs: AgentJobs,
    private readonly messages: AgentMessages,
    private readonly chunks: ArrivedChunks,
    private readonly arrival: ArrivalService,
    private readonly quotas: Quotas,
    private readonly env: CollectionEnv,
    private readonly metrics: CollectionMetrics,
  ) {
    this.storing = new Admission(MESSAGES_AT_ONCE, metrics);
  }

  onModuleInit(): void {
    this.inbox.setReceiver(this);
  }

  /**
   * Stores a part of the rows of a job; the last part has all of them written, proved and committed.
   *
   * @throws RivuletError AGENT_DATA_REFUSED · AGENT_MESSAGE_INVALID · COLLECTION_RUN_UNKNOWN · COLLECTION_RUN_OVER ·
   *   COLLECTION_QUOTA_EXCEEDED · COLLECTION_BUSY · COLLECTION_CHUNKS_MISSING · what the rows are refused with
   */
  async take({ deviceId }: Sender, { id, data }: DataMessage): Promise<{ repeated: boolean }> {
    try {
      const repeated = await this.takeRows(deviceId, id, readData(data));
      this.metrics.messages.inc({ result: repeated ? 'repeated' : 'taken' });
      return { repeated };
    } catch (error) {
      this.metrics.messages.inc({ result: 'refused' });
      throw error;
    }
  }

  /** Says whether the agent does a job. */
  async answered({ deviceId }: Sender, { type, data }: AnswerMessage): Promise<void> {
    const job = readJobId(data.id);
    if (job === undefined || (data.of !== undefined && data.of !== 'JOB')) return;
    if (type === 'ACK') {
      this.jobs.taken(deviceId, job.runId);
      return;
    }
    try {
      requireAttempt(await this.queue.findActive(job.runId, deviceId), job.attempt);
      await this.arrival.fail(job.runId, deviceId, data.code, data.message);
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.debug(
        { code, device: deviceId },
        `An agent cannot do a job, which is no longer its own: ${message}`,
      );
    }
  }

  private async takeRows(deviceId: string, id: string, message: AgentRows): Promise<boolean> {
    const task = await this.queue.find(message.runId, deviceId);
    const isKnown = await this.messages.isKnown(deviceId, id, message);
    if (isKnown && (!message.isLast || task.receipt !== null)) return true;
    requireAttempt(task, message.attempt);
    this.jobs.taken(deviceId, message.runId);
    if (!isKnown) await this.store(deviceId, id, message);
    if (message.isLast) await this.commit(task);
    return isKnown;
  }

  private async store(deviceId: string, id: string, message: AgentRows): Promise<void> {
    await this.quotas.check(deviceId);
    await this.storing.run(deviceId, async () => {
      const bytes = Buffer.byteLength(message.content);
      await this.messages.add(deviceId, id, message);
      await this.quotas.add(deviceId, message.rows, bytes);
      await this.queue.noteSent(message.runId, deviceId, message.rows, bytes);
      this.metrics.receivedBytes.inc(bytes);
    });
  }

  private async commit(task: ActiveTask): Promise<void> {
    const { runId, deviceId } = task;
    const parts = { runId, deviceId, attempt: task.attempts };
    const { columns, parts: count } = await this.messages.complete(parts);
    try {
      await this.arrival.commitStaged(task, () => {
        const sent = { columns, content: this.messages.content(parts, count) };
        return stageRows(this.database, this.chunks, task, sent, this.env.applyTimeoutMs);
      });
    } catch (error) {
      const { code, message } = namedError(error);
      if (ENDING.has(code)) await this.arrival.fail(runId, deviceId, code, message);
      throw error;
    }
    this.jobs.left(deviceId);
  }
}

/** @throws RivuletError COLLECTION_RUN_OVER */
function requireAttempt({ runId, isOver, attempts }: ActiveTask, attempt: number): void {
  if (!isOver && attempts === attempt) return;
  const reason = isOver
    ? `The agent is done with run ${runId}, or it was cancelled.`
    : `The agent was given run ${runId} again; this is for an earlier attempt.`;
  throw new RivuletError('COLLECTION_RUN_OVER', reason);
}
