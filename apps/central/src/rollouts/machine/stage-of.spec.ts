import { bucketOf, BUCKETS } from './stage-of';

const devices = Array.from({ length: 2_000 }, (_, n) => `device ${n}`);

function firstTenth(rolloutId: string): Set<string> {
  return new Set(devices.filter((deviceId) => bucketOf(rolloutId, deviceId) < BUCKETS / 10));
}

it('a device has the same bucket whenever, and wherever, it is asked for', () => {
  expect(bucketOf('01KAJ9V9RW4C7ZK3DYE7V1NB2R', '01KAJ9V9RW4C7ZK3DYE7V00001')).toBe(72_249_720_443_450);
});

it('the first devices of one rollout are not those of another', () => {
  const [one, other] = [firstTenth('rollout 1'), firstTenth('rollout 2')];
  for (const { size } of [one, other]) expect(Math.abs(size - 200)).toBeLessThan(50);
  expect([...one].filter((deviceId) => other.has(deviceId)).length).toBeLessThan(40);
});
