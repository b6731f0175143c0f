import { ByteSize, Duration, EnvVariable, List, PostgresUrl } from '@rivulet/platform';
import { IsOptional, IsString } from 'class-validator';

export class CollectionEnv {
  @EnvVariable(
    'EDGE_COLLECT_DATABASE_URL',
    'PostgreSQL that central collects rows from, by a role with SELECT. Unset: the database of the edge.',
    { secret: true },
  )
  @IsOptional()
  @PostgresUrl()
  databaseUrl: string | undefined = undefined;

  @EnvVariable(
    'EDGE_COLLECT_ALLOW',
    'Tables and views that central may read, as orders or sales.orders; mirrors stands for all mirrors. Unset: nothing is collected.',
  )
  @List()
  allow: string[] = [];

  @EnvVariable('EDGE_COLLECT_TIMEOUT', 'For one query of central.')
  @Duration({ min: '1s', max: '1d' })
  timeoutMs = 300_000;

  @EnvVariable('EDGE_COLLECT_SPOOL', 'Directory for collected rows until central has them.')
  @IsString()
  spool = '.rivulet/collected';

  @EnvVariable(
    'EDGE_COLLECT_SPOOL_BYTES',
    'How much the directory may hold. The oldest rows are dropped first; the run fails at central.',
  )
  @ByteSize({ min: '1MiB' })
  spoolBytes = 1024 * 1024 * 1024;
}
