import { ByteSize, Duration, EnvVariable } from '@rivulet/platform';
import { ROW_MAX_BYTES } from '@rivulet/protocol';
import { IsInt, Max, Min } from 'class-validator';

export class SnapshotsEnv {
  @EnvVariable('CENTRAL_SOURCE_STATEMENT_TIMEOUT', 'Longest time that one dataset query may take.')
  @Duration({ min: '1s', max: '1d' })
  sourceStatementTimeoutMs = 600_000;

  @EnvVariable(
    'CENTRAL_MAX_SNAPSHOT_BUILDS',
    'Transactions that read the source at once, each the data of up to 200 scopes. Other devices wait for their turn.',
  )
  @IsInt()
  @Min(1)
  @Max(100)
  maxSnapshotBuilds = 4;

  @EnvVariable(
    'CENTRAL_MAX_ROW_BYTES',
    'The largest row that is sent, as the text that COPY makes of it. Devices take what their EDGE_MAX_ROW_BYTES allows.',
  )
  @ByteSize({ min: '64KiB', max: '256MiB' })
  maxRowBytes = ROW_MAX_BYTES;

  @EnvVariable(
    'CENTRAL_PAYLOAD_RETENTION',
    "How long the payload of a superseded manifest can be fetched. That of a device's latest manifest always can, until it is applied.",
  )
  @Duration({ min: '1s', max: '365d' })
  payloadRetentionMs = 30_000;

  @EnvVariable(
    'CENTRAL_STORE_MAX_BYTES',
    "Size of central's schema, above which contents are removed that can be read from the source again.",
  )
  @ByteSize({ min: '64MiB' })
  storeMaxBytes = 16 * 1024 ** 3;

  @EnvVariable(
    'CENTRAL_AUDIT_RETENTION',
    "How long requests and manifests are kept, while there is room; a device's latest is, always.",
  )
  @Duration({ min: '1d', max: '3650d' })
  auditRetentionMs = 90 * 86_400_000;
}
