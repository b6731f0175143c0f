import { ByteSize, EnvVariable } from '@rivulet/platform';
import { ROW_MAX_BYTES } from '@rivulet/protocol';
import { IsString } from 'class-validator';

/** The variables of central that affect the datasets file. */
export class CliEnv {
  @EnvVariable('CENTRAL_DATASETS_FILE', 'Path of the datasets file.')
  @IsString()
  datasetsFile = 'db/datasets.yaml';

  @EnvVariable('CENTRAL_MAX_ROW_BYTES', 'The largest row that central sends.')
  @ByteSize({ min: '64KiB', max: '256MiB' })
  maxRowBytes = ROW_MAX_BYTES;
}
