import { Controller, Get, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RivuletError } from '@rivulet/errors';
import { Access, ApiProblems, namedError } from '@rivulet/platform';
import type { FastifyReply } from 'fastify';
import { WorkerConfiguration } from '../configuration/worker-configuration';
import { RunTask, type TaskAnswer } from './run-task';
import { TaskMetrics } from './task.metrics';

const TASKS_AT_ONCE = 50;

@ApiTags('task')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN')
@Controller('hit')
export class TaskController {
  private running = 0;

  constructor(
    private readonly configuration: WorkerConfiguration,
    private readonly task: RunTask,
    private readonly metrics: TaskMetrics,
  ) {}

  @Get()
  @Access('public')
  @ApiOperation({ summary: 'Run the configured task, and answer with what it was answered' })
  @ApiOkResponse({ description: 'The answer of the configured URL, with its status and content type.' })
  @ApiProblems('WORKER_UNCONFIGURED', 'TASK_TARGET_REFUSED', 'TASK_FAILED', 'TASK_TIMEOUT')
  @ApiProblems('TASK_ANSWER_TOO_LARGE', 'SERVER_BUSY')
  async hit(@Res() reply: FastifyReply): Promise<void> {
    const { status, contentType, body } = await this.counted(() => this.task.run(this.configuration.url));
    await reply.status(status).header('content-type', contentType).send(body);
  }

  private async counted(work: () => Promise<TaskAnswer>): Promise<TaskAnswer> {
    if (this.running >= TASKS_AT_ONCE)
      throw new RivuletError('SERVER_BUSY', `${TASKS_AT_ONCE} tasks are running.`, { retryAfterSeconds: 1 });
    this.running++;
    try {
      const answer = await work();
      this.metrics.runs.inc({ outcome: 'answered' });
      return answer;
    } catch (error) {
      this.metrics.runs.inc({ outcome: namedError(error).code });
      throw error;
    } finally {
      this.running--;
    }
  }
}
