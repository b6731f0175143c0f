import { EnvVariable } from '@rivulet/platform';
import { IsOptional, Matches } from 'class-validator';

export class EdgeAccessEnv {
  @EnvVariable(
    'EDGE_API_TOKEN',
    'What callers from elsewhere send as Bearer to use the routes of this edge. Unset: only this machine may.',
    { secret: true },
  )
  @IsOptional()
  @Matches(/^\S{16,512}$/, { message: 'must be 16 to 512 characters without spaces' })
  apiToken: string | undefined = undefined;
}
