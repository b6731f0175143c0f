import { EnvVariable } from '@rivulet/platform';
import { IsOptional, IsString, MaxLength, MinLength } from 'class-validator';

export class EdgeAccessEnv {
  @EnvVariable(
    'EDGE_API_TOKEN',
    'What callers from elsewhere send as Bearer to use the routes of this edge. Unset: only this machine may.',
    { secret: true },
  )
  @IsOptional()
  @IsString()
  @MinLength(16)
  @MaxLength(512)
  apiToken: string | undefined = undefined;
}
