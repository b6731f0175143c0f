import { EnvVariable } from '@rivulet/platform';
import { IsString } from 'class-validator';

export class SpoolEnv {
  @EnvVariable('EDGE_SPOOL_FILE', 'File that keeps a download until it is applied.')
  @IsString()
  spoolFile = '.rivulet/edge.spool';
}
