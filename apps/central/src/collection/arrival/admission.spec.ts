import { Registry } from 'prom-client';
import { CollectionMetrics } from '../collection.metrics';
import { Admission } from './admission';

/** Work that ends when the test says so. */
function held(): { work: () => Promise<string>; end: (text: string) => void } {
  const { promise, resolve } = Promise.withResolvers<string>();
  return { work: () => promise, end: resolve };
}

const metrics = new CollectionMetrics(new Registry());

it('gives places in the order in which networks came, and one to each', async () => {
  const admission = new Admission(1, metrics);
  const [first, second, third] = [held(), held(), held()];
  const order: string[] = [];
  const running = [first, second, third].map(async ({ work }, index) => {
    order.push(await admission.run(`network ${index}`, work));
  });
  await expect(admission.run('network 1', async () => 'again')).rejects.toMatchObject({
    code: 'COLLECTION_BUSY',
  });
  third.end('third');
  second.end('second');
  first.end('first');
  await Promise.all(running);
  expect(order).toEqual(['first', 'second', 'third']);
  expect(await admission.run('network 1', async () => 'free')).toBe('free');
});

it('sends away who has waited too long, or finds too many waiting, and loses no place', async () => {
  const admission = new Admission(1, metrics, 0);
  const first = held();
  const running = admission.run('first', first.work);
  await expect(admission.run('second', async () => '')).rejects.toMatchObject({
    code: 'COLLECTION_BUSY',
    retryAfterSeconds: 2,
  });
  const patient = new Admission(1, metrics, 60_000);
  const holding = patient.run('first', first.work);
  const waiting = Array.from({ length: 64 }, (_, index) => patient.run(`waits ${index}`, async () => 'done'));
  await expect(patient.run('one too many', async () => '')).rejects.toMatchObject({
    code: 'COLLECTION_BUSY',
  });
  first.end('');
  await Promise.all([running, holding]);
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['done']));
  expect(await admission.run('second', async () => 'free')).toBe('free');
});
