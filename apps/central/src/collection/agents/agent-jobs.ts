import { Injectable } from '@nestjs/common';
import { inTransaction, readCatalogue, useCanonicalSettings, withClient } from '@rivulet/postgres';
import type { CollectionTask } from '@rivulet/protocol';
import { plainType, watermarkStart } from '@rivulet/snapshot';
import { AgentSessions } from '../../live/sessions/agent-sessions';
import { typesOfTarget } from '../arrival/target-table';
import { CollectionDatabase } from '../collection-database';
import { TaskQueue, type TakenTask } from '../runs/task-queue';
import { jobId } from './read-data';

/** The value of `?` while nothing is known of the column yet. */
const BEFORE_ALL = '-infinity';

/** Tasks that connected agents have got as JOB messages. */
@Injectable()
export class AgentJobs {
  /** The task that each agent has said it is working on. */
  private readonly atWork = new Map<string, string>();

  constructor(
    private readonly sessions: AgentSessions,
    private readonly database: CollectionDatabase,
    private readonly queue: TaskQueue,
  ) {}

  /** The message may be lost: then the lease ends, and the agent gets the task again. */
  async send(deviceId: string, { task, attempt, targetTable }: TakenTask): Promise<void> {
    this.sessions.send(deviceId, {
      type: 'JOB',
      id: jobId(task.runId, attempt),
      data: {
        run_id: task.runId,
        schema: task.name,
        sql_command: task.query,
        parameters: await this.parametersOf(task, targetTable),
        target_table: targetTable,
        mode: task.mode,
        key: task.key,
      },
    });
  }

  taken(deviceId: string, runId: string): void {
    this.atWork.set(deviceId, runId);
  }

  left(deviceId: string): void {
    this.atWork.delete(deviceId);
  }

  /** Renews the leases of agents that are still connected. */
  async renew(): Promise<void> {
    const tasks = [...this.atWork].map(([deviceId, runId]) => ({ deviceId, runId }));
    if (tasks.length === 0) return;
    const goOn = new Set(await this.queue.renew(tasks));
    for (const { deviceId, runId } of tasks)
      if (!goOn.has(deviceId) && this.atWork.get(deviceId) === runId) this.atWork.delete(deviceId);
  }

  /** As an edge binds it: the watermark less the overlap. */
  private async parametersOf({ watermark: [watermark] }: CollectionTask, table: string): Promise<string[]> {
    if (watermark === undefined) return [];
    return withClient(this.database.pool, (client) =>
      inTransaction(client, readCatalogue, async () => {
        await useCanonicalSettings(client);
        const type = (await typesOfTarget(client, table)).get(watermark.column);
        const start = type && (await watermarkStart(client, watermark, plainType(type)));
        return [start ?? BEFORE_ALL];
      }),
    );
  }
}
