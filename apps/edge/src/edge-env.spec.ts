import { loadEnvironment, type Environment } from '@rivulet/platform';
import { ROW_MAX_BYTES, ROW_MAX_BYTES_CEILING } from '@rivulet/protocol';
import { EdgeModule } from './edge.module';
import { HubEnv } from './hub/hub.env';
import { MirrorsEnv } from './mirrors/mirrors.env';
import { ScrubEnv } from './scrub/scrub.env';
import { SyncEnv } from './sync/sync.env';

function load(variables: Record<string, string>): Environment {
  return loadEnvironment(EdgeModule.environment, variables).environment;
}

function loadWithPassword(): unknown {
  return load({ EDGE_CENTRAL_URL: 'https://edge:canary@central.example' });
}

describe('the environment of an edge', () => {
  it('may be empty', () => {
    const environment = load({});
    expect(environment.section(SyncEnv)).toMatchObject({ schedule: '5m' });
    expect(environment.section(MirrorsEnv)).toMatchObject({ applyMode: 'auto', lockTimeoutMs: 5_000 });
  });

  it.each([
    ['EDGE_SYNC_SCHEDULE', 'sometimes'],
    ['EDGE_SYNC_SCHEDULE', '0 0 30 2 *'],
    ['EDGE_CENTRAL_URL', 'central.example:8080'],
    ['EDGE_CENTRAL_KEY', 'short'],
    ['EDGE_SYNC_SCHEDULE', 'off'],
    ['EDGE_SCRUB_SCHEDULE', 'never'],
    ['EDGE_SCRUB_REPAIR', 'perhaps'],
    ['EDGE_VERIFY', 'none'],
    ['EDGE_APPLY_MODE', 'replace'],
    ['EDGE_APPLY_MODE', 'merge'],
    ['EDGE_MAX_ROW_BYTES', '257MiB'],
    ['EDGE_MAX_ROW_BYTES', '63KiB'],
  ])('with %s=%s stops the start with a sentence that names it', (variable, value) => {
    expect(() => load({ [variable]: value })).toThrow(
      expect.objectContaining({
        code: 'ENVIRONMENT_INVALID',
        message: expect.stringContaining(variable) as string,
      }),
    );
  });

  it('may name any row that Rivulet can carry as the largest', () => {
    const largest = ['', '64KiB', '256MiB'].map(
      (text) => load({ EDGE_MAX_ROW_BYTES: text }).section(HubEnv).maxRowBytes,
    );
    expect(largest).toEqual([ROW_MAX_BYTES, 65_536, ROW_MAX_BYTES_CEILING]);
  });

  it('may be without scrubs, and says how mirrors are written and verified', () => {
    const environment = load({
      EDGE_APPLY_MODE: 'truncate',
      EDGE_VERIFY: 'full',
      EDGE_SCRUB_SCHEDULE: 'off',
      EDGE_SCRUB_REPAIR: 'no',
    });
    expect(environment.section(MirrorsEnv)).toMatchObject({ applyMode: 'truncate', verify: 'full' });
    expect(environment.section(ScrubEnv)).toMatchObject({ schedule: 'off', repair: false });
  });

  it.each(['EDGE_RETRIES', 'EDGE_IDLE_TIMEOUT', 'EDGE_VERIFY_SCHEDULE'])('does not know %s', (variable) => {
    const { unknownVariables } = loadEnvironment(EdgeModule.environment, { [variable]: '1' });
    expect(unknownVariables.map((unknown) => unknown.variable)).toEqual([variable]);
  });

  it('takes no password in the address of central, and does not show it', () => {
    expect(loadWithPassword).toThrow(/EDGE_CENTRAL_URL .* must not hold a user or a password/);
    expect(loadWithPassword).not.toThrow(/canary/);
  });
});
