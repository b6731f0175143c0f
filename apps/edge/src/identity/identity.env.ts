import { EnvVariable } from '@rivulet/platform';
import { IsOptional, IsString } from 'class-validator';

export class IdentityEnv {
  @EnvVariable(
    'EDGE_MAC_ADDRESS',
    'MAC address by which central knows this device. Unset: the address of a network interface.',
  )
  @IsOptional()
  @IsString()
  macAddress: string | undefined = undefined;

  @EnvVariable(
    'EDGE_NETWORK_INTERFACE',
    'Network interface whose MAC address to use. Unset: the first hardware interface.',
  )
  @IsOptional()
  @IsString()
  networkInterface: string | undefined = undefined;
}
