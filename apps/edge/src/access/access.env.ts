import { EnvVariable } from '@rivulet/platform';
import { IsOptional, Matches } from 'class-validator';

export class EdgeAccessEnv {
  @EnvVariable(
    'EDGE_API_TOKEN',
    'The token that callers from other machines send as Bearer. Unset: only this machine may call the edge.',
    { secret: true },
  )
  @IsOptional()
  @Matches(/^\S{16,512}$/, { message: 'must be 16 to 512 characters without spaces' })
  apiToken: string | undefined = undefined;
}
