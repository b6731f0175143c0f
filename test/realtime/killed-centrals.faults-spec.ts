import { setTimeout as delay } from 'node:timers/promises';
import type { AppProcess } from '@rivulet/app-process';
import {
  createTestDatabase,
  isInstalled,
  startApp,
  startNats,
  startRedis,
  TcpRelay,
  type BusServer,
} from '@rivulet/testing';
import { ADMIN_PASSWORD } from '../support/clients/operator';
import { RealtimeFollower } from '../support/clients/realtime-follower';
import { realtimeLength } from '../support/histories/realtime-length';
import { realtimeVariables } from '../support/clients/realtime-tokens';
import { writeTemporaryFile } from '../support/documents/written-file';

const { clients, topics: topicCount, kills, perSecond } = realtimeLength;

/** Each topic that is short has a history that a client may be away for longer than. */
const rules = `
version: 1
topics:
  - { topic: 'load.short0', subscribe: any, publish: any, history: { size: 20, age: 1h } }
  - { topic: 'load.*', subscribe: any, publish: any, history: { size: 100000, age: 1h } }
`;

/** For a kill: with other work on the machine, at a load of 13 on two cores, central takes more than 20 seconds to start. */
const MOST_MS = 60_000;

/** A central as a process of its own, behind a relay, so that it can be killed and has its address when it is back. */
class KilledCentral {
  private constructor(
    private readonly environment: Record<string, string>,
    private app: AppProcess,
    readonly relay: TcpRelay,
  ) {}

  static async start(environment: Record<string, string>): Promise<KilledCentral> {
    const app = await startApp('central', environment);
    const { port } = new URL(app.url);
    return new KilledCentral({ ...environment, CENTRAL_PORT: port }, app, await TcpRelay.start(app.url));
  }

  get url(): string {
    return this.relay.through('ws://127.0.0.1/ws/sync');
  }

  async killAndRestart(): Promise<void> {
    await this.app.kill();
    this.app = await startApp('central', this.environment);
  }

  async stop(): Promise<void> {
    await this.relay.stop();
    await this.app.stop(5_000);
  }
}

function describeKills(startServer: () => Promise<BusServer | undefined>): void {
  it(
    `${clients} clients get every message of ${topicCount} topics once, while two centrals and the bus are killed ${kills} times`,
    async () => {
      const file = writeTemporaryFile('realtime.yaml', rules);
      const server = await startServer();
      const database = await createTestDatabase();
      const toDatabase = await TcpRelay.start(database.url);
      const environment = {
        ...realtimeVariables,
        CENTRAL_DATABASE_URL: toDatabase.through(database.url),
        CENTRAL_DEMO_DATA: 'true',
        CENTRAL_ADMIN_PASSWORD: ADMIN_PASSWORD,
        CENTRAL_REALTIME_FILE: file.path,
        CENTRAL_REALTIME_MESSAGES_PER_SECOND: '1000',
        ...(server && { CENTRAL_BUS_URL: server.url }),
      };
      const centrals = [await KilledCentral.start(environment), await KilledCentral.start(environment)];
      const topics = Array.from({ length: topicCount }, (_, index) =>
        index === 0 ? 'load.short0' : `load.t${index}`,
      );
      const followers = Array.from({ length: clients }, (_, index) => {
        const own = [topics[index % topicCount]!, topics[(index * 7 + 3) % topicCount]!];
        return new RealtimeFollower(centrals[index % 2]!.url, `user${index}`, [...new Set(own)], {
          mayResync: (topic) => topic === 'load.short0',
        });
      });
      await Promise.all(followers.map((follower) => follower.start()));

      const stored: { topic: string; position: number; number: number }[] = [];
      const publishing: Promise<unknown>[] = [];
      let number = 0;
      const timer = setInterval(() => {
        const topic = topics[number % topicCount]!;
        const own = ++number;
        const publication = followers[own % clients]!.publish(topic, own);
        publishing.push(publication.then((position) => void stored.push({ topic, position, number: own })));
      }, 1_000 / perSecond);
      for (let kill = 0; kill < kills; kill++) {
        await delay(200);
        const central = centrals[kill % 2]!.killAndRestart();
        if (kill % 3 === 1) {
          if (server === undefined) toDatabase.cut('reset');
          else await server.kill();
          await delay(100);
          await server?.restart();
        }
        await central;
      }
      clearInterval(timer);
      await Promise.all(publishing);
      const expected = new Map(topics.map((topic) => [topic, numbersOf(topic, stored)]));
      const isDone = (): boolean =>
        followers.every((follower) => topics.every((topic) => follower.hasAll(topic, expected.get(topic)!)));
      while (!isDone()) await delay(50);
      for (const follower of followers) {
        expect(follower.violations).toEqual([]);
        for (const topic of follower.topics)
          expect(follower.missedOf(topic, expected.get(topic)!)).toEqual([]);
      }
      expect(stored).toHaveLength(number);
      process.stdout.write(
        `${number} messages to ${clients} clients, ${followers.reduce((sum, { resyncs }) => sum + resyncs, 0)} resyncs of a short history.\n`,
      );
      for (const follower of followers) follower.stop();
      for (const central of centrals) await central.stop();
      await toDatabase.stop();
      await server?.stop();
      await database.drop();
      file.remove();
    },
    60_000 + kills * MOST_MS,
  );
}

function numbersOf(
  topic: string,
  stored: readonly { topic: string; position: number; number: number }[],
): number[] {
  const own = stored.filter((publication) => publication.topic === topic);
  return own.toSorted((a, b) => a.position - b.position).map((publication) => publication.number);
}

// Starts central once for each kill: for `npm run test:long -- topics` alone.
const describeLong = realtimeLength.areProcessesKilled ? describe : describe.skip;
const describeNats = isInstalled('nats-server', 'topics over NATS') ? describeLong : describe.skip;
const describeRedis = isInstalled('redis-server', 'topics over Redis') ? describeLong : describe.skip;

describeLong('killed centrals over PostgreSQL (only in npm run test:long -- topics)', () => {
  describeKills(() => Promise.resolve(undefined));
});

describeNats('killed centrals over NATS (only in npm run test:long -- topics)', () => {
  describeKills(startNats);
});

describeRedis('killed centrals over Redis (only in npm run test:long -- topics)', () => {
  describeKills(startRedis);
});
