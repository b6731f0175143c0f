import { ServerTls, TrustedProxies } from '@rivulet/platform';
import { Registry } from 'prom-client';
import { AcceptAssertion } from '../src/devices/authentication/accept-assertion';
import { AccessTokens } from '../src/devices/authentication/access-tokens';
import { AgentTokens } from '../src/devices/authentication/agent-tokens';
import { ClientCertificates } from '../src/devices/authentication/client-certificates';
import { DeviceAuthenticator } from '../src/devices/authentication/device-authenticator';
import { DeviceTables } from '../src/devices/device-tables';
import { DevicesMetrics } from '../src/devices/devices.metrics';
import { DevicesEnv } from '../src/devices/devices.env';
import { StatedKeys } from '../src/devices/enrolment/stated-keys';
import { EnrolEdge } from '../src/devices/enrolment/enrol-edge';
import { EnrolmentTokens, type EnrolmentTokenOrder } from '../src/devices/enrolment/enrolment-tokens';
import { DeviceDirectory } from '../src/devices/registry/device-directory';
import { DeviceList } from '../src/devices/registry/device-list';
import { DeviceRegistry } from '../src/devices/registry/device-registry';
import { Presence } from '../src/devices/registry/presence';
import { SigningKey } from '../src/signing/signing-key';
import type { CentralFixture } from './central-fixture';

/** The registry as one process of central has it. */
export class RegistryProcess {
  readonly tables: DeviceTables;
  readonly directory: DeviceDirectory;
  readonly registry: DeviceRegistry;
  readonly list: DeviceList;
  readonly presence: Presence;

  constructor({ central }: CentralFixture) {
    this.tables = new DeviceTables(central);
    this.directory = new DeviceDirectory(this.tables);
    this.registry = new DeviceRegistry(this.tables, this.directory);
    this.list = new DeviceList(this.tables);
    this.presence = new Presence(this.tables);
  }
}

/** The same with all that knows devices by their keys. */
export class DevicesProcess extends RegistryProcess {
  readonly enrolmentTokens: EnrolmentTokens;
  readonly enrolments: EnrolEdge;
  readonly assertions: AcceptAssertion;
  readonly tokens: AccessTokens;
  readonly agentTokens: AgentTokens;
  readonly authenticator: DeviceAuthenticator;

  private constructor(
    fixture: CentralFixture,
    readonly signingKey: SigningKey,
    readonly env: DevicesEnv,
  ) {
    super(fixture);
    this.enrolmentTokens = new EnrolmentTokens(this.tables, signingKey);
    this.enrolments = new EnrolEdge(this.tables, this.directory, new StatedKeys(this.tables, signingKey));
    this.assertions = new AcceptAssertion(
      this.tables,
      this.directory,
      signingKey,
      new DevicesMetrics(new Registry()),
    );
    this.tokens = new AccessTokens(signingKey, env);
    this.agentTokens = new AgentTokens(this.tables, this.directory);
    this.authenticator = new DeviceAuthenticator(
      env,
      this.directory,
      this.presence,
      this.tokens,
      this.agentTokens,
      noCertificates(this.directory),
    );
  }

  static async start(fixture: CentralFixture, settings: Partial<DevicesEnv> = {}): Promise<DevicesProcess> {
    const signingKey = await SigningKey.loadOrCreate(fixture.central);
    return new DevicesProcess(fixture, signingKey, Object.assign(new DevicesEnv(), settings));
  }

  async enrolmentToken(order: Partial<EnrolmentTokenOrder> = {}): Promise<string> {
    const { token } = await this.enrolmentTokens.create({
      kind: 'edge',
      uses: 1,
      expiresInSeconds: 600,
      labels: {},
      needsApproval: false,
      createdBy: 'a test',
      ...order,
    });
    return token;
  }
}

function noCertificates(directory: DeviceDirectory): ClientCertificates {
  const none = { variable: '', path: undefined };
  const settings = { isOn: false, header: undefined, issuers: () => '' };
  return new ClientCertificates(
    settings,
    ServerTls.open({ cert: none, key: none }),
    new TrustedProxies(),
    directory,
  );
}
