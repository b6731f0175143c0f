import { Logger, Module } from '@nestjs/common';
import { namedError } from '@rivulet/platform';
import { createPool } from '@rivulet/postgres';
import { DataSource } from 'typeorm';
import { CreateRealtime1795773600000 } from '../../../../db/central/migrations/1795773600000-create-realtime';
import { BusModule } from '../bus/bus.module';
import { CentralBus } from '../bus/central-bus';
import { DevicesModule } from '../devices/devices.module';
import { RealtimeHub } from './delivery/realtime-hub';
import { HistoryRetention } from './history-retention';
import { PostgresHistory } from './history/postgres/postgres-history';
import { EventStreams } from './http/event-streams';
import { EventsController } from './http/events.controller';
import { RulesController } from './http/rules.controller';
import { SyncController } from './http/sync.controller';
import { ApplicationTokens } from './identity/application-tokens';
import { Identities } from './identity/identities';
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

/** Connections of the history: appends take turns, and recoveries share what they read. */
const HISTORY_CONNECTIONS = 4;

/** Topics for applications: WebSocket, server-sent events, publish and broadcast. */
@Module({
  imports: [UsersModule, BusModule, DevicesModule, SourceModule],
  controllers: [SyncController, EventsController, RulesController],
  providers: [
    {
      provide: PostgresHistory,
      // Takes the connected DataSource, so that it comes after the migrations.
      inject: [DataSource],
      useFactory: openHistory,
    },
    {
      provide: RealtimeHub,
      inject: [PostgresHistory, CentralBus, CurrentRules, RealtimeMetrics],
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
    HistoryRetention,
    Identities,
    Publisher,
    RealtimeBus,
    RowPublisher,
    SyncSockets,
    EventStreams,
    ReloadRules,
    RealtimeMetrics,
    RealtimeIndicator,
  ],
  exports: [RealtimeIndicator],
})
export class RealtimeModule {
  static readonly environment = [RealtimeEnv];
  static readonly indicators = [RealtimeIndicator];
  static readonly migrations = [CreateRealtime1795773600000];
}

function openHistory({ options }: DataSource): PostgresHistory {
  const { url } = options as { url: string };
  const applicationName = 'rivulet central topics';
  return new PostgresHistory(createPool({ url, applicationName, maxConnections: HISTORY_CONNECTIONS }));
}

function createHub(
  history: PostgresHistory,
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
