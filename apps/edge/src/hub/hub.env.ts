import { ByteSize, EnvVariable, HttpUrl } from '@rivulet/platform';
import { ROW_MAX_BYTES } from '@rivulet/protocol';
import { IsOptional, Matches } from 'class-validator';

export class HubEnv {
  @EnvVariable('EDGE_CENTRAL_URL', 'URL of central.')
  @HttpUrl()
  @Matches(/^[^@]*$/, { message: 'must not hold a user or a password' })
  centralUrl = 'http://localhost:8080';

  @EnvVariable(
    'EDGE_CENTRAL_KEY',
    "Thumbprint of central's key. Unset: the key of the first manifest is trusted from then on.",
  )
  @IsOptional()
  @Matches(/^[A-Za-z0-9_-]{43}$/, { message: 'must be 43 characters of base64url' })
  centralKey: string | undefined = undefined;

  @EnvVariable(
    'EDGE_MAX_ROW_BYTES',
    'The largest row that the edge accepts from central, measured as COPY text.',
  )
  @ByteSize({ min: '64KiB', max: '256MiB' })
  maxRowBytes = ROW_MAX_BYTES;
}
