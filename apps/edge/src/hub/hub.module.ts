import { join } from 'node:path';
import { Logger, Module } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { namedError } from '@rivulet/platform';
import { DeviceIdentity } from '../identity/device-identity';
import { IdentityEnv } from '../identity/identity.env';
import { IdentityModule } from '../identity/identity.module';
import { MAC_ADDRESS } from '../identity/mac-address';
import { HUB_RETRIES, HUB_TIMEOUTS, hubRetries, hubTimeouts } from './call-limits';
import {
  CALL_AUTHENTICATION,
  CertificateAuthentication,
  MacAuthentication,
  type CallAuthentication,
} from './call-authentication';
import { CENTRAL_CONNECTION, CentralConnection } from './central-connection';
import { CentralHttp } from './central-http';
import { CentralTrust } from './central-trust';
import { ConfigurationCalls } from './configuration-calls';
import { DEVICE_ROUTES, DeviceRoutes } from './device-routes';
import { HttpHub, type HubTimeouts } from './http-hub';
import { HUB } from './hub';
import { HubEnv } from './hub.env';
import { HubMetrics } from './hub.metrics';
import { KeyRotationController } from './key-rotation.controller';
import { KeyAuthentication } from './key-authentication';

/** Central, over HTTP. */
@Module({
  imports: [IdentityModule],
  controllers: [KeyRotationController],
  providers: [
    HubMetrics,
    {
      provide: CENTRAL_CONNECTION,
      inject: [HubEnv],
      useFactory: (env: HubEnv) => CentralConnection.open(env),
    },
    { provide: HUB_TIMEOUTS, useValue: hubTimeouts },
    { provide: HUB_RETRIES, useValue: hubRetries },
    {
      provide: CALL_AUTHENTICATION,
      inject: [
        HubEnv,
        IdentityEnv,
        MAC_ADDRESS,
        HUB_TIMEOUTS,
        CentralTrust,
        { token: CENTRAL_CONNECTION, optional: true },
        { token: DeviceIdentity, optional: true },
      ],
      useFactory: callAuthentication,
    },
    {
      provide: CentralTrust,
      inject: [HubEnv, IdentityEnv, HUB_TIMEOUTS, { token: CENTRAL_CONNECTION, optional: true }],
      useFactory: centralTrust,
    },
    {
      provide: ConfigurationCalls,
      inject: [HubEnv, CALL_AUTHENTICATION, HUB_TIMEOUTS, { token: CENTRAL_CONNECTION, optional: true }],
      useFactory: (
        { centralUrl }: HubEnv,
        authentication: CallAuthentication,
        { idleTimeoutMs }: HubTimeouts,
        connection: CentralConnection | undefined,
      ) => new ConfigurationCalls(centralUrl, authentication, idleTimeoutMs, connection),
    },
    {
      provide: DEVICE_ROUTES,
      inject: [
        HubEnv,
        CALL_AUTHENTICATION,
        HUB_TIMEOUTS,
        CentralTrust,
        { token: CENTRAL_CONNECTION, optional: true },
        { token: DeviceIdentity, optional: true },
      ],
      useFactory: (
        { centralUrl, centralKey }: HubEnv,
        authentication: CallAuthentication,
        { requestTimeoutMs: timeoutMs }: HubTimeouts,
        trust: CentralTrust,
        connection: CentralConnection | undefined,
        identity: DeviceIdentity | undefined,
      ) => {
        const trustedKey = (): string | undefined =>
          trust.current(centralKey ?? identity?.enrolment?.centralKey);
        const follow = (trusted: string, signedBy: string, signal: AbortSignal): Promise<void> =>
          trust.follow(trusted, signedBy, signal, identity?.enrolment?.centralId);
        const deviceId = (): string | undefined => identity?.enrolment?.deviceId;
        return new DeviceRoutes({
          centralUrl,
          connection,
          authentication,
          timeoutMs,
          trustedKey,
          deviceId,
          follow,
        });
      },
    },
    {
      provide: HUB,
      inject: [
        HubEnv,
        CALL_AUTHENTICATION,
        HUB_TIMEOUTS,
        HubMetrics,
        { token: CENTRAL_CONNECTION, optional: true },
      ],
      useFactory: (
        { centralUrl, maxRowBytes }: HubEnv,
        authentication: CallAuthentication,
        timeouts: HubTimeouts,
        metrics: HubMetrics,
        connection: CentralConnection | undefined,
      ) => {
        const onReceived = (bytes: number): void => metrics.received(bytes);
        return new HttpHub({ centralUrl, connection, authentication, maxRowBytes, ...timeouts, onReceived });
      },
    },
  ],
  exports: [
    CALL_AUTHENTICATION,
    CENTRAL_CONNECTION,
    HUB,
    HUB_RETRIES,
    HUB_TIMEOUTS,
    CentralTrust,
    ConfigurationCalls,
    DEVICE_ROUTES,
  ],
})
export class HubModule {
  static readonly environment = [HubEnv];
}

function centralTrust(
  { centralUrl }: HubEnv,
  { identityDirectory }: IdentityEnv,
  { idleTimeoutMs: timeoutMs }: HubTimeouts,
  connection: CentralConnection | undefined,
): Promise<CentralTrust> {
  const logger = new Logger('Identity');
  return CentralTrust.open({
    file: join(identityDirectory, 'central-keys.json'),
    central: new CentralHttp(centralUrl, undefined, connection),
    timeoutMs,
    onFollowed: (from, to) => {
      logger.log(
        { from, to },
        `Central has a new key, ${to}, by the word of the ones before; it is trusted from now on`,
      );
    },
  });
}

function certificateAuthentication(connection: CentralConnection | undefined): CallAuthentication {
  if (connection?.options.cert !== undefined) return new CertificateAuthentication();
  throw new RivuletError(
    'ENVIRONMENT_INVALID',
    'EDGE_DEVICE_AUTH is certificate, and there is no certificate.',
    { nextStep: 'Set EDGE_TLS_CERT_FILE and EDGE_TLS_KEY_FILE.' },
  );
}

function callAuthentication(
  { centralUrl, centralKey }: HubEnv,
  { auth, enrolmentToken, keyMaxAgeMs }: IdentityEnv,
  macAddress: string,
  { idleTimeoutMs: timeoutMs }: HubTimeouts,
  trust: CentralTrust,
  connection: CentralConnection | undefined,
  identity: DeviceIdentity | undefined,
): CallAuthentication {
  if (auth === 'certificate') return certificateAuthentication(connection);
  if (identity === undefined) return new MacAuthentication(macAddress);
  const logger = new Logger('Identity');
  return new KeyAuthentication({
    identity,
    central: new CentralHttp(centralUrl, undefined, connection),
    macAddress,
    enrolmentToken,
    centralKey,
    trust,
    timeoutMs,
    keyMaxAgeMs,
    onRotated: ({ keyThumbprint }) => {
      logger.log(`The key of this device was old and has been replaced; the new one is ${keyThumbprint}`);
    },
    onRotationFailed: (error) => {
      const { code, message } = namedError(error);
      logger.warn(
        { code },
        `The key of this device could not be replaced; the old one stays in use: ${message}`,
      );
    },
    onEnrolled: ({ deviceId, centralKey: signedBy }, isFirstTrusted) => {
      logger.log(`Enrolled at central as device ${deviceId}; central's key is ${signedBy}`);
      if (isFirstTrusted)
        logger.warn('Nothing said which key central has, so the one that answered is trusted from now on');
    },
  });
}
