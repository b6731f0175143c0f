import type { SyncOutcome } from '../../device-sync/sync-outcomes';
import { CatchUp } from './catch-up';

const issued: SyncOutcome = { kind: 'issued', manifestId: 'M1' };
const applied: SyncOutcome = { kind: 'applied', manifestId: 'M1', isFirst: true };
const current: SyncOutcome = { kind: 'current', manifestId: 'M1' };

it('leaves out a device that is known to have everything, and nudges the others once', () => {
  const catchUp = new CatchUp();
  catchUp.answered('current', current, 'now');
  catchUp.answered('proved', issued, 'now');
  catchUp.answered('proved', applied, undefined);
  catchUp.answered('older', current, 'before');
  catchUp.answered('unproved', issued, 'now');
  catchUp.answered('polled', current, 'now');
  catchUp.answered('polled', current, undefined);
  for (const device of ['current', 'proved', 'older', 'unproved', 'polled', 'never', 'gone'])
    catchUp.connected(device, 0);
  catchUp.disconnected('gone');
  expect(catchUp.takeDue(2_999, () => 'now')).toEqual([]);
  expect(catchUp.takeDue(3_000, () => 'now')).toEqual(['older', 'unproved', 'polled', 'never']);
  expect(catchUp.takeDue(9_000, () => 'now')).toEqual([]);
});

it('nudges all while it is not known what their rows depend on', () => {
  const catchUp = new CatchUp();
  catchUp.answered('current', current, 'now');
  catchUp.connected('current', 0);
  expect(catchUp.takeDue(3_000, () => undefined)).toEqual(['current']);
});

it('leaves out a device that has synced since it connected', () => {
  const catchUp = new CatchUp();
  catchUp.connected('a', 0);
  catchUp.answered('a', current, 'now');
  expect(catchUp.takeDue(3_000, () => 'now')).toEqual([]);
});

it('lets a fleet that comes back at once catch up at a pace, in the order in which it came', () => {
  const catchUp = new CatchUp();
  const devices = Array.from({ length: 10_000 }, (_, number) => `device ${number}`);
  for (const device of devices) catchUp.connected(device, 0);
  const taken: string[] = [];
  for (let second = 3; second <= 36; second++) {
    const now = catchUp.takeDue(second * 1_000, () => undefined);
    expect(now.length).toBeLessThanOrEqual(300);
    taken.push(...now);
  }
  expect(taken).toEqual(devices);
});
