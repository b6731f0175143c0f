import { EnvVariable, Flag, PostgresUrl } from '@rivulet/platform';
import { IsInt, IsOptional, Max, Min } from 'class-validator';

export class SourceDatabaseEnv {
  @EnvVariable(
    'CENTRAL_SOURCE_DATABASE_URL',
    "PostgreSQL with the data owner's tables; its role needs no more than SELECT. Unset: central's own database.",
    { secret: true },
  )
  @IsOptional()
  @PostgresUrl()
  sourceDatabaseUrl: string | undefined = undefined;

  @EnvVariable('CENTRAL_SOURCE_POOL_SIZE', "Connections that read the data owner's tables.")
  @IsInt()
  @Min(2)
  @Max(500)
  sourcePoolSize = 10;

  @EnvVariable(
    'CENTRAL_DEMO_DATA',
    "Fill central's own database with the demo companies when it is empty. On with an embedded server that is the source.",
  )
  @IsOptional()
  @Flag()
  demoData: boolean | undefined = undefined;
}
