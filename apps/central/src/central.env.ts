import { EnvVariable, PostgresUrl, serverEnvironment } from '@rivulet/platform';
import { IsInt, IsOptional, Max, Min } from 'class-validator';

/** Where central listens, how it logs, how long it may take to stop. */
export const CentralServerEnv = serverEnvironment('CENTRAL', { port: 8080 });

export class CentralDatabaseEnv {
  @EnvVariable(
    'CENTRAL_DATABASE_URL',
    "PostgreSQL with central's own tables, and the data owner's too unless these are apart. Unset outside production: " +
      'an embedded server.',
    { secret: true },
  )
  @IsOptional()
  @PostgresUrl()
  databaseUrl: string | undefined = undefined;

  @EnvVariable('CENTRAL_DATABASE_POOL_SIZE', "Connections to central's own tables.")
  @IsInt()
  @Min(2)
  @Max(500)
  databasePoolSize = 10;
}
