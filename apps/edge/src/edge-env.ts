import { EnvVariable, PostgresUrl, serverEnvironment } from '@rivulet/platform';
import { IsOptional } from 'class-validator';

/** Where the edge listens, how it logs, and its database. Every feature has a section of its own. */
export class EdgeEnv extends serverEnvironment('EDGE', { host: '127.0.0.1', port: 8081 }) {
  @EnvVariable(
    'EDGE_DATABASE_URL',
    'PostgreSQL database with the mirrors. Unset outside production: an embedded server.',
    { secret: true },
  )
  @IsOptional()
  @PostgresUrl()
  databaseUrl: string | undefined = undefined;
}
