import { EnvVariable, List } from '@rivulet/platform';
import { IsOptional, IsUrl, Matches } from 'class-validator';

export class ConfigurationEnv {
  @EnvVariable(
    'WORKER_INTERNAL_KEY',
    'The key shared with the agent, which signs configurations with it. Unset: the worker listens on loopback only.',
    { secret: true },
  )
  @IsOptional()
  @Matches(/^[\x21-\x7e]{16,512}$/, { message: 'must be 16 to 512 printable ASCII characters' })
  internalKey: string | undefined = undefined;

  @EnvVariable(
    'WORKER_URLS',
    'URLs by which agents reach this worker, as in EDGE_WORKER_URLS. Its addresses count without it.',
  )
  @List()
  @IsUrl(
    { protocols: ['http', 'https'], require_protocol: true, require_tld: false },
    { each: true, message: 'must be URLs' },
  )
  urls: string[] = [];
}
