import { BusUrl, EnvVariable } from '@rivulet/platform';
import { IsOptional } from 'class-validator';

export class BusEnv {
  @EnvVariable(
    'CENTRAL_BUS_URL',
    "The message bus between processes of central. Unset: central's own PostgreSQL. While the bus is down nothing is lost, but work waits for its schedule.",
    { secret: true },
  )
  @IsOptional()
  @BusUrl()
  busUrl: string | undefined = undefined;
}
