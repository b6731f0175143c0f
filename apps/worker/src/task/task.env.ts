import { ByteSize, Duration, EnvVariable } from '@rivulet/platform';
import { IsInt, Max, Min } from 'class-validator';

export class TaskEnv {
  @EnvVariable('WORKER_TASK_TIMEOUT', 'Time for the whole task, redirects included.')
  @Duration({ min: '100ms', max: '5m' })
  timeoutMs = 10_000;

  @EnvVariable('WORKER_TASK_MAX_BYTES', 'The largest answer that the task passes on.')
  @ByteSize({ min: '1KiB', max: '64MiB' })
  maxBytes = 1024 * 1024;

  @EnvVariable('WORKER_TASK_MAX_REDIRECTS', 'How many redirects the task follows.')
  @IsInt()
  @Min(0)
  @Max(20)
  maxRedirects = 5;
}
