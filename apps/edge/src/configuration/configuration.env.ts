import { BusUrl, Duration, EnvVariable, List } from '@rivulet/platform';
import { configurationNamePattern } from '@rivulet/protocol';
import { IsIn, IsOptional, IsString, IsUrl, Matches } from 'class-validator';

const strategies = ['LIVE', 'POLLER', 'REDIS', 'NATS'] as const;
export type DistributionStrategy = (typeof strategies)[number];

export class ConfigurationEnv {
  @EnvVariable(
    'EDGE_WORKER_URLS',
    'Workers on this host that get the configuration. Unset: this edge asks for none.',
  )
  @List()
  @IsUrl(
    { protocols: ['http', 'https'], require_protocol: true, require_tld: false },
    { each: true, message: 'must be URLs' },
  )
  workerUrls: string[] = [];

  @EnvVariable('EDGE_WORKER_KEY', "The workers' WORKER_INTERNAL_KEY: configurations are signed with it.", {
    secret: true,
  })
  @IsOptional()
  @Matches(/^[\x21-\x7e]{16,512}$/, { message: 'must be 16 to 512 printable ASCII characters' })
  workerKey: string | undefined = undefined;

  @EnvVariable('EDGE_CONFIGURATION_NAME', 'The configuration of central that the workers get.')
  @Matches(configurationNamePattern, { message: 'must be the name of a configuration' })
  name = 'default';

  @EnvVariable(
    'EDGE_CONFIGURATION_DIRECTORY',
    'Where the configuration is kept, to start from while central is unreachable.',
  )
  @IsString()
  directory = '.rivulet/configuration';

  @EnvVariable(
    'EDGE_WORKER_HEALTHY_FOR',
    'How long workers must be healthy with a new version before it counts as applied; else the last good one comes back.',
  )
  @Duration({ max: '1h' })
  healthyForMs = 5_000;

  @EnvVariable(
    'EDGE_CONFIGURATION_SECRETS',
    'Variables of this environment that a configuration may refer to as ${env:NAME}.',
  )
  @List()
  @Matches(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, { each: true, message: 'must be names of variables' })
  secretVariables: string[] = [];

  @EnvVariable(
    'EDGE_CONFIGURATION_SECRETS_DIRECTORY',
    'Where the files are that a configuration may refer to as ${file:NAME}. Unset: it may refer to none.',
  )
  @IsOptional()
  @IsString()
  secretsDirectory: string | undefined = undefined;

  @EnvVariable(
    'DISTRIBUTION_STRATEGY',
    'How the edge hears of a new version: LIVE (over its connection to central), POLLER (it asks), REDIS or NATS. It asks at times all the same.',
  )
  @IsIn(strategies)
  strategy: DistributionStrategy = 'LIVE';

  @EnvVariable('EDGE_BUS_URL', 'The Redis or NATS server of CENTRAL_BUS_URL, for DISTRIBUTION_STRATEGY.', {
    secret: true,
  })
  @IsOptional()
  @BusUrl()
  busUrl: string | undefined = undefined;

  @EnvVariable(
    'EDGE_BUS_QUEUE_GROUP',
    'Each change is announced to one of the edges in this group. Unset: each change is announced to every edge.',
  )
  @IsOptional()
  @Matches(/^[A-Za-z0-9_-]{1,64}$/, { message: 'must be 1 to 64 letters, digits, - and _' })
  busQueueGroup: string | undefined = undefined;
}
