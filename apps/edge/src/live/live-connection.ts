import { setTimeout as delay } from 'node:timers/promises';
import {
  Inject,
  Injectable,
  Logger,
  Optional,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { isTransient } from '@rivulet/errors';
import { appVersion, namedError } from '@rivulet/platform';
import { CALL_AUTHENTICATION, type CallAuthentication } from '../hub/call-authentication';
import { CENTRAL_CONNECTION, type CentralConnection } from '../hub/central-connection';
import { HubEnv } from '../hub/hub.env';
import { CollectionService } from '../collection/collection.service';
import { ConfigurationService } from '../configuration/configuration.service';
import { FeaturesEnv } from '../features/features.env';
import { MAC_ADDRESS } from '../identity/mac-address';
import { DeviceFigures } from './device-figures';
import { LiveEnv } from './live.env';
import { LiveMetrics } from './live.metrics';
import { LiveSession } from './live-session';
import { NudgedSync } from './nudged-sync';
import { reconnectDelayMs } from './reconnect-delay';

/** The state of the connection. */
export interface LiveState {
  /** Why there is none by intention. */
  disabled?: string | undefined;
  isConnected: boolean;
  /** The time of the last change between connected and disconnected. */
  since: Date;
  /** Why it is not connected. */
  problem?: string;
}

/** Central says no for a reason that only a person can change; the schedule goes on. */
const SLOW_RETRY_MS = 60_000;
/** In a trial it is the first sync that registers the device. */
const NOT_SERVED_YET = 'DEVICE_NOT_REGISTERED';
/** The reasons of nudges that are not about rows of mirrors. Any other means: sync. */
const COLLECT = 'collect';
const CONFIGURATION = 'configuration';
/** The whole fleet may come back at once. */
const CATCH_UP_WITHIN_MS = 10_000;

/** Keeps one connection to central open, for as long as the app runs. All that comes over it are hints. */
@Injectable()
export class LiveConnection implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Live');
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private hasBeenConnected = false;
  private current: LiveState;

  constructor(
    env: LiveEnv,
    features: FeaturesEnv,
    private readonly hubEnv: HubEnv,
    private readonly figures: DeviceFigures,
    private readonly nudges: NudgedSync,
    private readonly metrics: LiveMetrics,
    @Inject(CALL_AUTHENTICATION) private readonly authentication: CallAuthentication,
    @Inject(MAC_ADDRESS) private readonly macAddress: string,
    @Optional() @Inject(CENTRAL_CONNECTION) private readonly connection?: CentralConnection,
    @Optional() private readonly collection?: CollectionService,
    @Optional() private readonly configuration?: ConfigurationService,
  ) {
    const disabled = disabledBy(env, features);
    this.current = { disabled, isConnected: false, since: new Date() };
  }

  get state(): LiveState {
    return this.current;
  }

  onApplicationBootstrap(): void {
    if (this.current.disabled === undefined) this.running = this.run();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    let failures = 0;
    while (!signal.aborted) {
      const settings = this.settings(() => (failures = 0));
      const error = await LiveSession.run(settings, signal).catch(namedError);
      if (signal.aborted || error === undefined) break;
      this.lost(error.code, error.message);
      this.authentication.renew(error.code);
      const atLeastMs = (error.retryAfterSeconds ?? 0) * 1_000;
      const isSoon = isTransient(error.code) || error.code === NOT_SERVED_YET;
      const waitMs = reconnectDelayMs(failures++, isSoon ? atLeastMs : SLOW_RETRY_MS);
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  private settings(onRegistered: () => void) {
    const { signal } = this.stopping;
    return {
      url: webSocketUrl(this.hubEnv.centralUrl),
      agentName: this.macAddress,
      version: appVersion(),
      headers: () => this.authentication.headers(signal),
      tls: this.connection?.options,
      figures: () => this.figures.read(),
      onRegistered: () => {
        onRegistered();
        this.catchUp();
        this.change({ isConnected: true, since: new Date() });
        this.logger.log('Connected to central: it says when there is something new');
      },
      onNudge: (reason?: string) => this.nudged(reason),
    };
  }

  private nudged(reason?: string): void {
    if (reason === COLLECT) this.collection?.askNow();
    else if (reason === CONFIGURATION) this.configuration?.hear('LIVE');
    else this.nudges.nudge();
  }

  /** Changes made while the connection was missing were not announced. Those of rows central knows: it nudges. */
  private catchUp(): void {
    const isFirst = !this.hasBeenConnected;
    this.hasBeenConnected = true;
    if (isFirst) {
      this.configuration?.hear('LIVE');
      return;
    }
    const { signal } = this.stopping;
    void delay(Math.random() * CATCH_UP_WITHIN_MS, undefined, { signal }).then(
      () => this.configuration?.hear('LIVE'),
      () => undefined,
    );
  }

  private lost(code: string, problem: string): void {
    const { isConnected, since, problem: before } = this.current;
    this.change({
      isConnected: false,
      since: isConnected ? new Date() : since,
      problem,
    });
    // Logged once, and again when the reason changes.
    if (code !== NOT_SERVED_YET && (isConnected || before !== problem))
      this.logger.warn({ code }, `${problem} It is tried again; meanwhile the edge goes by its schedule.`);
  }

  private change(state: LiveState): void {
    this.current = state;
    this.metrics.connected.set(state.isConnected ? 1 : 0);
  }
}

function disabledBy({ isEnabled }: LiveEnv, features: FeaturesEnv): string | undefined {
  if (!features.has('live')) return 'EDGE_FEATURES does not have live';
  return isEnabled ? undefined : 'EDGE_LIVE is false';
}

function webSocketUrl(centralUrl: string): string {
  const url = new URL('ws/agent', centralUrl.endsWith('/') ? centralUrl : `${centralUrl}/`);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}
