import { CheckFixture } from '../../test/check-fixture';
import { tables, withQuery } from '../../test/datasets-files';
import { mistakes } from '../../test/datasets-mistakes';

let fixture: CheckFixture;

beforeAll(async () => {
  fixture = await CheckFixture.create(tables);
});

afterAll(() => fixture.close());

describe('datasets check', () => {
  it.each(mistakes)('finds %s', async (_, source, ...messages) => {
    expect((await fixture.check(source)).mistakes).toEqual(messages);
  });

  it('finds 40 mistakes and more, and says of each what to do', () => {
    expect(new Set(mistakes.map(([what]) => what)).size).toBeGreaterThan(40);
  });

  it('finds all mistakes of a file at once', async () => {
    const source =
      withQuery('SELECT badge FROM users', '[badge]', 'tabel: x') +
      '  - {name: a, key: [id], query: SELECT id FROM nowhere}\n';
    expect((await fixture.check(source)).mistakes.map((message) => message.split(':', 2).join(':'))).toEqual([
      '6:11',
      '9:5',
      '10:48',
    ]);
  });

  it('finds a device that the scope query does not know', async () => {
    const { mistakes: found } = await fixture.check(withQuery('SELECT id FROM users'), ['00:00:00:00:00:01']);
    expect(found).toEqual([
      '3:10: No device with the MAC address 00:00:00:00:00:01 is registered. ' +
        'Register the device at central, or correct EDGE_MAC_ADDRESS on the device.',
    ]);
  });
});
