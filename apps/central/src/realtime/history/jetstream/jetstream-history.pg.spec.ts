import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { isInstalled, startNats } from '@rivulet/testing';
import { describeHistory, messageOf } from '../../../../test/realtime/history-contract';
import { describeHistoryServer } from '../../../../test/realtime/server-history-contract';
import { JetStreamHistory } from './jetstream-history';

const describeNats = isInstalled('nats-server', 'history in JetStream') ? describe : describe.skip;

describeNats('history in JetStream', () => {
  describeHistory(async () => {
    const server = await startNats();
    return { open: () => Promise.resolve(new JetStreamHistory(server.url)), stop: () => server.stop() };
  });
});

describeNats('the server of a history in JetStream', () => {
  describeHistoryServer({
    start: startNats,
    open: (url) => new JetStreamHistory(url),
    clear: async (url) => {
      const connection = await connect({ servers: url });
      const { streams } = await jetstreamManager(connection);
      for await (const { config } of streams.list()) await streams.delete(config.name);
      await connection.close();
    },
  });

  it('without JetStream is refused with what to do', async () => {
    const server = await startNats({ isStoring: false });
    const history = new JetStreamHistory(server.url);
    await expect(history.append([messageOf('a', 1)])).rejects.toMatchObject({
      code: 'REALTIME_HISTORY_UNUSABLE',
      nextStep: expect.stringContaining('Enable JetStream') as string,
    });
    await history.close();
    await server.stop();
  });

  it('says where many topics stand, most of which have no message', async () => {
    const server = await startNats();
    const history = new JetStreamHistory(server.url);
    const topics = Array.from({ length: 300 }, (_, index) => `many.${index}`);
    await history.append([messageOf('many.7', 1), messageOf('many.7', 2), messageOf('many.299', 1)]);
    const { positions } = await history.positionsOf([...topics, '_user.none']);
    expect([...positions]).toEqual([
      ['many.7', 2],
      ['many.299', 1],
      ['_user.none', 0],
    ]);
    await history.close();
    await server.stop();
  });

  it('finds what follows any position among the messages of other topics', async () => {
    const server = await startNats();
    const history = new JetStreamHistory(server.url);
    const rule = { size: 1_000, ageMs: 3_600_000 };
    for (let round = 0; round < 40; round++)
      await history.append(
        Array.from({ length: 10 }, (_, index) =>
          messageOf(index === 0 ? 'rare' : `often.${index % 3}`, round),
        ),
      );
    for (let after = 0; after <= 40; after++) {
      const { messages } = await history.read('rare', after, rule, 3);
      expect(messages.map(({ position }) => position)).toEqual(
        [1, 2, 3].map((next) => after + next).filter((position) => position <= 40),
      );
    }
    await history.close();
    await server.stop();
  });
});
