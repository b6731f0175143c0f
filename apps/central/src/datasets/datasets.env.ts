import { EnvVariable } from '@rivulet/platform';
import { IsString } from 'class-validator';

export class DatasetsEnv {
  @EnvVariable('CENTRAL_DATASETS_FILE', 'Path of the datasets file.')
  @IsString()
  datasetsFile = 'db/datasets.yaml';
}
