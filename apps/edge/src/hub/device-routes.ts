import { authenticatedCall } from './authenticated-call';
import type { CallAuthentication } from './call-authentication';
import type { CentralConnection } from './central-connection';
import { CentralHttp } from './central-http';
import { openAnswer } from './open-answer';

/** Injection token of {@link DeviceRoutes}. */
export const DEVICE_ROUTES = Symbol('DEVICE_ROUTES');

export interface DeviceRoutesSettings {
  centralUrl: string;
  connection?: CentralConnection | undefined;
  authentication: CallAuthentication;
  /** Until the next bytes of an answer arrive. */
  timeoutMs: number;
  /** Thumbprint of the key of central; undefined while no key is trusted yet. */
  trustedKey: () => string | undefined;
  /** Undefined while this device does not know how central calls it. */
  deviceId: () => string | undefined;
  /** Makes sure that a key has followed the trusted one, or throws. */
  follow?: (trustedKey: string, signedBy: string, signal: AbortSignal) => Promise<void>;
}

/** Routes of central that are for devices, for the features of an edge beside the sync. It does not retry. */
export class DeviceRoutes {
  private readonly central: CentralHttp;

  constructor(private readonly settings: DeviceRoutesSettings) {
    this.central = new CentralHttp(settings.centralUrl, undefined, settings.connection);
  }

  /**
   * @param path - below /api
   * @param body - bytes go as `contentType`
   * @returns the answer, as decoded JSON
   */
  async post(
    path: string,
    body: object | Buffer,
    signal: AbortSignal,
    contentType?: string,
  ): Promise<unknown> {
    const { authentication, timeoutMs } = this.settings;
    const type: Record<string, string> = contentType === undefined ? {} : { 'content-type': contentType };
    return authenticatedCall(authentication, signal, (headers) =>
      this.central.json({ method: 'POST', path, headers: { ...headers, ...type }, body }, timeoutMs, signal),
    );
  }

  get deviceId(): string | undefined {
    return this.settings.deviceId();
  }

  /** Opens what central has signed. @returns its JSON */
  async open(document: string, type: string, signal: AbortSignal): Promise<string> {
    const { trustedKey, follow } = this.settings;
    const expected = {
      type,
      trustedKey: trustedKey(),
      follow: follow && ((trusted: string, signedBy: string) => follow(trusted, signedBy, signal)),
    };
    return (await openAnswer(document, expected)).json;
  }
}
