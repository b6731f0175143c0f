import { Duration, EnvVariable } from '@rivulet/platform';
import { IsIn, IsOptional, IsString } from 'class-validator';

export class IdentityEnv {
  @EnvVariable(
    'EDGE_DEVICE_AUTH',
    'How this device shows who it is: key (a key of its own), certificate (that of EDGE_TLS_CERT_FILE), or mac (its MAC address alone, for trials).',
  )
  @IsIn(['key', 'certificate', 'mac'])
  auth: 'key' | 'certificate' | 'mac' = 'key';

  @EnvVariable(
    'EDGE_ENROLMENT_TOKEN',
    "The enrolment token that an operator of central created for this device. It registers the device's key, once.",
    { secret: true },
  )
  @IsOptional()
  @IsString()
  enrolmentToken: string | undefined = undefined;

  @EnvVariable(
    'EDGE_IDENTITY_DIRECTORY',
    'Where the key of this device is kept, and what it knows of central. It must last as long as the device.',
  )
  @IsString()
  identityDirectory = '.rivulet/identity';

  @EnvVariable(
    'EDGE_DEVICE_KEY_FILE',
    'An Ed25519 key that the device was given, as PKCS#8 in PEM. Unset: the edge makes one at its first start.',
  )
  @IsOptional()
  @IsString()
  deviceKeyFile: string | undefined = undefined;

  @EnvVariable(
    'EDGE_KEY_MAX_AGE',
    "The edge replaces a key of its own making that is older, by central's clock; never: it does so on command only.",
  )
  @Duration({ min: '1h', max: '3650d', off: 'never' })
  keyMaxAgeMs = 90 * 86_400_000;

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
