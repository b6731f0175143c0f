import { refuseOpenProduction } from './refuse-open-production';

const trial = { auth: 'mac', letAnyoneRead: false, tokenLifeMs: 600_000 } as const;

it('refuses a trial in production, and says how to let anyone read every row', () => {
  expect(() => refuseOpenProduction(trial, 'production')).toThrow(
    expect.objectContaining({
      code: 'ENVIRONMENT_INVALID',
      nextStep: expect.stringContaining('CENTRAL_LET_ANYONE_READ_THE_ROWS_OF_EVERY_DEVICE=true'),
    }),
  );
});

it.each([
  [trial, 'development'],
  [trial, undefined],
  [{ ...trial, letAnyoneRead: true }, 'production'],
  [{ ...trial, auth: 'key' } as const, 'production'],
])('lets %j start with NODE_ENV %s', (env, nodeEnv) => {
  expect(() => refuseOpenProduction(env, nodeEnv)).not.toThrow();
});
