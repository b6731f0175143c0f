import { BusUrl, EnvVariable } from '@rivulet/platform';
import { IsOptional } from 'class-validator';

export class BusEnv {
  @EnvVariable(
    'CENTRAL_BUS_URL',
    "What carries messages between processes of central. Unset: central's own PostgreSQL. While it is down nothing is lost, but things wait for their schedule.",
    { secret: true },
  )
  @IsOptional()
  @BusUrl()
  busUrl: string | undefined = undefined;
}
