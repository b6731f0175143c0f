import { loadEnvironment } from '@rivulet/platform';
import { EdgeEnv } from './edge-env';

function load(): unknown {
  return loadEnvironment(EdgeEnv, { EDGE_CENTRAL_URL: 'https://edge:canary@central.example' });
}

describe('the environment of an edge', () => {
  it('may be empty', () => {
    expect(loadEnvironment(EdgeEnv, {}).env).toMatchObject({ syncSchedule: '5m', idleTimeoutMs: 20_000 });
  });

  it.each([
    ['EDGE_SYNC_SCHEDULE', 'sometimes'],
    ['EDGE_SYNC_SCHEDULE', '0 0 30 2 *'],
    ['EDGE_CENTRAL_URL', 'central.example:8080'],
    // Node's fetch would give up after five minutes.
    ['EDGE_REQUEST_TIMEOUT', '10m'],
    ['EDGE_CENTRAL_KEY', 'short'],
    ['EDGE_RETRIES', '1000'],
  ])('with %s=%s stops the start with a sentence that names it', (variable, value) => {
    expect(() => loadEnvironment(EdgeEnv, { [variable]: value })).toThrow(
      expect.objectContaining({
        code: 'ENVIRONMENT_INVALID',
        message: expect.stringContaining(variable) as string,
      }),
    );
  });

  it('takes no password in the address of central, and does not show it', () => {
    expect(load).toThrow(/EDGE_CENTRAL_URL .* must not hold a user or a password/);
    expect(load).not.toThrow(/canary/);
  });
});
