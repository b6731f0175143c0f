import { EnvVariable, List } from '@rivulet/platform';
import { IsIn, Matches } from 'class-validator';
import { networkKinds, type NetworkKind } from './address-kinds';

export class TargetsEnv {
  @EnvVariable(
    'WORKER_ALLOWED_HOSTS',
    'Hosts that the task may call, such as api.example.com,*.example.org. Unset: any.',
  )
  @List()
  @Matches(/^(\*\.)?[A-Za-z0-9._-]{1,253}$/, {
    each: true,
    message: 'must be names of hosts, with *. in front for all below',
  })
  allowedHosts: string[] = [];

  @EnvVariable(
    'WORKER_ALLOWED_NETWORKS',
    'Addresses that the task may call beside public ones: loopback, private, link-local.',
  )
  @List()
  @IsIn(networkKinds, { each: true })
  allowedNetworks: NetworkKind[] = [];
}
