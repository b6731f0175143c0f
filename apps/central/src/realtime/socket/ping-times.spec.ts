import { checkPingTimes } from './ping-times';

it('refuses to disconnect clients before they are asked whether they are there', () => {
  expect(() => checkPingTimes({ pingIntervalMs: 54_000, pongWaitMs: 54_000 })).toThrow(
    expect.objectContaining({ code: 'ENVIRONMENT_INVALID' }),
  );
  checkPingTimes({ pingIntervalMs: 54_000, pongWaitMs: 60_000 });
});
