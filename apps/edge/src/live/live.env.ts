import { EnvVariable, Flag } from '@rivulet/platform';

export class LiveEnv {
  @EnvVariable(
    'EDGE_LIVE',
    'Keep a connection open to central, over which it says when to sync. Without it the edge syncs on its schedule alone.',
  )
  @Flag()
  isEnabled = true;
}
