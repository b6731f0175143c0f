import { ByteSize, Duration, EnvVariable } from '@rivulet/platform';
import { IsInt, Max, Min } from 'class-validator';

export class CollectionEnv {
  @EnvVariable('CENTRAL_COLLECTION_ROWS_A_DAY', 'Rows that one network may send a day (UTC).')
  @IsInt()
  @Min(1)
  @Max(1_000_000_000_000)
  rowsADay = 100_000_000;

  @EnvVariable('CENTRAL_COLLECTION_BYTES_A_DAY', 'Compressed bytes that one network may send a day (UTC).')
  @ByteSize({ min: '1MiB' })
  bytesADay = 10 * 1024 * 1024 * 1024;

  @EnvVariable('CENTRAL_COLLECTION_APPLIES', 'Networks whose rows one central writes at once; others wait.')
  @IsInt()
  @Min(1)
  @Max(64)
  applies = 2;

  @EnvVariable('CENTRAL_COLLECTION_POLL', 'How often a network asks whether there is something to collect.')
  @Duration({ min: '1s', max: '1h' })
  pollMs = 10_000;

  @EnvVariable('CENTRAL_COLLECTION_APPLY_TIMEOUT', 'For one statement that writes collected rows.')
  @Duration({ min: '1s', max: '1d' })
  applyTimeoutMs = 600_000;

  @EnvVariable('CENTRAL_COLLECTION_RETENTION', 'How long runs that are over are kept.')
  @Duration({ min: '1h', max: '3650d' })
  retentionMs = 90 * 86_400_000;
}
