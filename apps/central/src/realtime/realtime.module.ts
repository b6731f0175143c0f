import { Logger, Module } from '@nestjs/common';
import type { BusBody } from '@rivulet/bus';
import { namedError } from '@rivulet/platform';
import { DataSource } from 'typeorm';
import { ulid } from 'ulid';
import { CreateRealtime1795773600000 } from '../../../../db/central/migrations/1795773600000-create-realtime';
import { BusOptions } from '../bus/bus-options';
import { BusModule } from '../bus/bus.module';
import { CentralBus } from '../bus/central-bus';
import { DevicesModule } from '../devices/devices.module';
import { RealtimeHub } from './delivery/realtime-hub';
import { HistoryRetention } from './history-retention';
import { History } from './history/history';
import { openHistory } from './history/open-history';
import { EventStreams } from './http/event-streams';
import { EventsController } from './http/events.controller';
import { RulesController } from './http/rules.controller';
import { SyncController } from './http/sync.controller';
import { ApplicationTokens } from './identity/application-tokens';
import { Identities } from './identity/identities';
import { PRESENCE_TOPIC, PresenceBus } from './presence/presence-bus';
import { Presence } from './presence/presence';
import { PresenceController } from './presence/presence.controller';
import { Publisher } from './publish/publisher';
import { RealtimeBus } from './realtime-bus';
import { RealtimeEnv } from './realtime.env';
import { RealtimeIndicator } from './realtime.indicator';
import { RealtimeMetrics } from './realtime.metrics';
import { CurrentRules } from './rules/current-rules';
import { ReloadRules } from './http/reload-rules';
import { RowPublisher } from './rows/row-publisher';
import { RowNotes } from '../source/row-notes/row-notes';
import { SourceModule } from '../source/source.module';
import { UsersModule } from '../users/users.module';
import { ConnectionCounts } from './socket/connection-counts';
import { SyncSockets } from './socket/sync-sockets';

/** Topics for applications: WebSocket, server-sent events, publish and broadcast. */
@Module({
  imports: [UsersModule, BusModule, DevicesModule, SourceModule],
  controllers: [SyncController, PresenceController, EventsController, RulesController],
  providers: [
    {
      provide: History,
      // Takes the connected DataSource, so that it comes after the migrations.
      inject: [BusOptions, RealtimeEnv, DataSource],
      useFactory: (bus: BusOptions, env: RealtimeEnv, { options }: DataSource) =>
        openHistory(bus, env, (options as { url: string }).url),
    },
    {
      provide: RealtimeHub,
      inject: [History, CentralBus, CurrentRules, RealtimeMetrics],
      useFactory: createHub,
    },
    {
      provide: CurrentRules,
      inject: [RealtimeEnv, RealtimeMetrics, RowNotes],
      useFactory: (env: RealtimeEnv, metrics: RealtimeMetrics, notes: RowNotes) =>
        CurrentRules.load(env, metrics, notes),
    },
    {
      provide: ApplicationTokens,
      inject: [RealtimeEnv],
      useFactory: (env: RealtimeEnv) => ApplicationTokens.load(env),
    },
    {
      provide: ConnectionCounts,
      inject: [RealtimeEnv],
      useFactory: (env: RealtimeEnv) => new ConnectionCounts(env),
    },
    {
      provide: Presence,
      inject: [CentralBus, CurrentRules, RealtimeMetrics],
      useFactory: createPresence,
    },
    HistoryRetention,
    Identities,
    Publisher,
    PresenceBus,
    RealtimeBus,
    RowPublisher,
    SyncSockets,
    EventStreams,
    ReloadRules,
    RealtimeMetrics,
    RealtimeIndicator,
  ],
  exports: [Publisher, RealtimeIndicator],
})
export class RealtimeModule {
  static readonly environment = [RealtimeEnv];
  static readonly indicators = [RealtimeIndicator];
  static readonly migrations = [CreateRealtime1795773600000];
}

/** Nothing depends on the arrival of one message: whoever misses it asks for all. */
function createPresence(bus: CentralBus, rules: CurrentRules, metrics: RealtimeMetrics): Presence {
  const publish = (body: BusBody): void => {
    bus.publish(PRESENCE_TOPIC, body).catch(() => metrics.failures.inc());
  };
  return new Presence({ id: ulid(), publish, rules });
}

function createHub(
  history: History,
  bus: CentralBus,
  rules: CurrentRules,
  metrics: RealtimeMetrics,
): RealtimeHub {
  const logger = new Logger('Realtime');
  const count = {
    delivered: (messages: number): void => metrics.delivered.inc(messages),
    recovered: (messages: number): void => metrics.recovered.inc(messages),
    resynced: (): void => metrics.resyncs.inc(),
  };
  return new RealtimeHub(history, bus, rules, count, (error) => {
    metrics.failures.inc();
    const { code, message } = namedError(error);
    const fields = { code, ...(code === 'INTERNAL' && { err: error }) };
    if (code === 'INTERNAL') logger.error(fields, `Topics could not be brought up to date: ${message}`);
    else logger.warn(fields, `Topics are brought up to date later: ${message}`);
  });
}
