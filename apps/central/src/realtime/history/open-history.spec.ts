import { JetStreamHistory } from './jetstream/jetstream-history';
import { openHistory } from './open-history';
import { PostgresHistory } from './postgres/postgres-history';
import { RedisHistory } from './redis/redis-history';

const DATABASE = 'postgres://127.0.0.1:9/none';

it.each([
  ['postgres:', 'bus', PostgresHistory],
  ['redis://127.0.0.1:9', 'bus', RedisHistory],
  ['rediss://127.0.0.1:9', 'bus', RedisHistory],
  ['nats://127.0.0.1:9', 'bus', JetStreamHistory],
  ['tls://127.0.0.1:9', 'bus', JetStreamHistory],
  ['nats://127.0.0.1:9', 'postgres', PostgresHistory],
  ['redis://127.0.0.1:9', 'postgres', PostgresHistory],
] as const)(
  '%s with CENTRAL_REALTIME_HISTORY=%s opens one without waiting for its server, and closes it',
  async (url, history, kind) => {
    const opened = await openHistory({ url }, { history }, DATABASE);
    expect(opened).toBeInstanceOf(kind);
    await opened.close();
  },
);
