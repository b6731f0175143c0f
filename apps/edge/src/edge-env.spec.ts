import { loadEnvironment } from '@rivulet/platform';
import { ROW_MAX_BYTES, ROW_MAX_BYTES_CEILING } from '@rivulet/protocol';
import { EdgeEnv } from './edge-env';

function load(): unknown {
  return loadEnvironment([EdgeEnv], { EDGE_CENTRAL_URL: 'https://edge:canary@central.example' });
}

describe('the environment of an edge', () => {
  it('may be empty', () => {
    expect(loadEnvironment([EdgeEnv], {}).environment.section(EdgeEnv)).toMatchObject({
      syncSchedule: '5m',
      idleTimeoutMs: 20_000,
    });
  });

  it.each([
    ['EDGE_SYNC_SCHEDULE', 'sometimes'],
    ['EDGE_SYNC_SCHEDULE', '0 0 30 2 *'],
    ['EDGE_CENTRAL_URL', 'central.example:8080'],
    // Node's fetch would give up after five minutes.
    ['EDGE_REQUEST_TIMEOUT', '10m'],
    ['EDGE_CENTRAL_KEY', 'short'],
    ['EDGE_RETRIES', '1000'],
    ['EDGE_SYNC_SCHEDULE', 'off'],
    ['EDGE_VERIFY_SCHEDULE', 'never'],
    ['EDGE_VERIFY_REPAIR', 'perhaps'],
    ['EDGE_VERIFY', 'none'],
    ['EDGE_APPLY_MODE', 'replace'],
    ['EDGE_MAX_ROW_BYTES', '257MiB'],
    ['EDGE_MAX_ROW_BYTES', '63KiB'],
  ])('with %s=%s stops the start with a sentence that names it', (variable, value) => {
    expect(() => loadEnvironment([EdgeEnv], { [variable]: value })).toThrow(
      expect.objectContaining({
        code: 'ENVIRONMENT_INVALID',
        message: expect.stringContaining(variable) as string,
      }),
    );
  });

  it('may name any row that Rivulet can carry as the largest', () => {
    const largest = ['', '64KiB', '256MiB'].map(
      (text) =>
        loadEnvironment([EdgeEnv], { EDGE_MAX_ROW_BYTES: text }).environment.section(EdgeEnv).maxRowBytes,
    );
    expect(largest).toEqual([ROW_MAX_BYTES, 65_536, ROW_MAX_BYTES_CEILING]);
  });

  it('may be without scrubs, and says how mirrors are written and verified', () => {
    const { environment } = loadEnvironment([EdgeEnv], {
      EDGE_APPLY_MODE: 'merge',
      EDGE_VERIFY: 'full',
      EDGE_VERIFY_SCHEDULE: 'off',
      EDGE_VERIFY_REPAIR: 'no',
    });
    expect(environment.section(EdgeEnv)).toMatchObject({
      applyMode: 'merge',
      verify: 'full',
      verifySchedule: 'off',
      verifyRepair: false,
    });
  });

  it('takes no password in the address of central, and does not show it', () => {
    expect(load).toThrow(/EDGE_CENTRAL_URL .* must not hold a user or a password/);
    expect(load).not.toThrow(/canary/);
  });
});
