import { setTimeout as delay } from 'node:timers/promises';
import { isInstalled, startNats, startRedis, TcpRelay, type BusServer } from '@rivulet/testing';
import { CentralInProcess } from '../support/apps/central-in-process';
import { NudgedDevice } from '../support/clients/nudged-device';
import { RealtimeFollower } from '../support/clients/realtime-follower';
import { realtimeLength } from '../support/histories/realtime-length';
import { realtimeVariables } from '../support/clients/realtime-tokens';
import { writeTemporaryFile } from '../support/documents/written-file';

const { clients: clientCount, topics: topicCount, kills, pauseMs } = realtimeLength;

const rules = `
version: 1
topics: [{ topic: 'load.*', subscribe: any, publish: any, history: { size: 100000, age: 1h } }]
`;

interface Publication {
  topic: string;
  position: number;
  number: number;
}

/** One at each central, whose rows are not those of the other. */
async function connectDevices(centrals: CentralInProcess[]): Promise<NudgedDevice[]> {
  const { rows } = await centrals[0]!.database.pool.query<{ mac: string }>(
    'SELECT min(mac_address) AS mac FROM public.devices WHERE is_active GROUP BY company_id ORDER BY 1 LIMIT 2',
  );
  return Promise.all(centrals.map((central, index) => NudgedDevice.connect(central, rows[index]!.mac)));
}

function describeLosses(startServer: () => Promise<BusServer | undefined>): void {
  it(
    `${clientCount} clients get every message of their topics once, and devices their rows, while connections, centrals and the bus are cut ${kills} times`,
    async () => {
      const file = writeTemporaryFile('realtime.yaml', rules);
      const server = await startServer();
      const variables = {
        ...realtimeVariables,
        CENTRAL_DEVICE_AUTH: 'mac',
        CENTRAL_REALTIME_FILE: file.path,
        CENTRAL_REALTIME_MESSAGES_PER_SECOND: '1000',
        ...(server && { CENTRAL_BUS_URL: server.url }),
      };
      const first = await CentralInProcess.start(variables);
      const second = await CentralInProcess.join(first, variables);
      const relays = await Promise.all([first, second].map(({ url }) => TcpRelay.start(url)));
      const topics = Array.from({ length: topicCount }, (_, index) => `load.t${index}`);
      const urls = relays.map((relay) => relay.through('ws://127.0.0.1/ws/sync'));
      const followers = Array.from({ length: clientCount }, (_, index) => {
        const own = [topics[index % topicCount]!, topics[(index * 7 + 3) % topicCount]!];
        return new RealtimeFollower(urls[index % 2]!, `user${index}`, [...new Set(own)]);
      });
      await Promise.all(followers.map((follower) => follower.start()));

      const devices = await connectDevices([first, second]);

      const published: Publication[] = [];
      const publishing: Promise<void>[] = [];
      let number = 0;
      const publish = (): void => {
        const topic = topics[number % topicCount]!;
        const own = ++number;
        const stored = followers[own % clientCount]!.publish(topic, own);
        publishing.push(stored.then((position) => void published.push({ topic, position, number: own })));
      };
      for (let kill = 0; kill < kills; kill++) {
        for (let count = 0; count < 10; count++) {
          publish();
          await delay(pauseMs);
        }
        const relay = relays[kill % 2]!;
        relay.refusesNew = true;
        relay.cut(kill % 3 === 0 ? 'end' : 'reset');
        if (kill % 4 === 1) {
          await server?.kill();
          for (const device of devices) await device.changeRow();
        }
        for (let count = 0; count < 5; count++) publish();
        await delay(pauseMs);
        relay.refusesNew = false;
        if (kill % 4 === 1) await server?.restart();
      }
      await Promise.all(publishing);
      const expected = new Map(
        topics.map((topic) => {
          const own = published.filter((publication) => publication.topic === topic);
          return [
            topic,
            own.toSorted((a, b) => a.position - b.position).map((publication) => publication.number),
          ];
        }),
      );
      const isDone = (): boolean =>
        followers.every(({ received, topics: own }) =>
          own.every((topic) => (received.get(topic)?.length ?? 0) >= expected.get(topic)!.length),
        );
      while (!isDone()) await delay(20);
      for (const { received, violations, topics: own } of followers) {
        expect(violations).toEqual([]);
        for (const topic of own) expect(received.get(topic) ?? []).toEqual(expected.get(topic));
      }
      expect(published).toHaveLength(kills * 15);
      for (const device of devices) {
        await device.hasConverged();
        await device.stop();
      }
      for (const follower of followers) follower.stop();
      await Promise.all(relays.map((relay) => relay.stop()));
      await second.stop();
      await first.stop();
      await server?.stop();
      file.remove();
    },
    Math.max(60_000, kills * 4_000),
  );
}

const describeNats = isInstalled('nats-server', 'topics over NATS') ? describe : describe.skip;
const describeRedis = isInstalled('redis-server', 'topics over Redis') ? describe : describe.skip;

describe('over PostgreSQL', () => {
  describeLosses(() => Promise.resolve(undefined));
});

describeNats('over NATS', () => {
  describeLosses(startNats);
});

describeRedis('over Redis', () => {
  describeLosses(startRedis);
});
