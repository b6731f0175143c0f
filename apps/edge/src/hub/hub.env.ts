import { ByteSize, EnvVariable, HttpUrl } from '@rivulet/platform';
import { ROW_MAX_BYTES } from '@rivulet/protocol';
import { IsOptional, IsString, Matches } from 'class-validator';

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
    'EDGE_CENTRAL_CA_FILE',
    "Path of the certificates of those who may issue central's certificate (PEM). Nobody else counts then. Unset: those that Node trusts.",
  )
  @IsOptional()
  @IsString()
  caFile: string | undefined = undefined;

  @EnvVariable(
    'EDGE_CENTRAL_CRL_FILE',
    'Path of the list of certificates that these issuers have revoked (PEM).',
  )
  @IsOptional()
  @IsString()
  crlFile: string | undefined = undefined;

  @EnvVariable(
    'EDGE_TLS_CERT_FILE',
    'Path of the certificate that this edge shows central, with its chain (PEM).',
  )
  @IsOptional()
  @IsString()
  certFile: string | undefined = undefined;

  @EnvVariable('EDGE_TLS_KEY_FILE', 'Path of the private key of this certificate (PEM).')
  @IsOptional()
  @IsString()
  keyFile: string | undefined = undefined;

  @EnvVariable(
    'EDGE_MAX_ROW_BYTES',
    'The largest row that the edge accepts from central, measured as COPY text.',
  )
  @ByteSize({ min: '64KiB', max: '256MiB' })
  maxRowBytes = ROW_MAX_BYTES;
}
