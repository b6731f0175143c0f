import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { UnchangedAnswers, type UnchangedCall } from '@rivulet/platform';
import { DeviceAuthenticator } from '../../devices/authentication/device-authenticator';
import { ConfigurationsMetrics } from '../configurations.metrics';
import { DEFAULT_NAME } from '../content/default-name';
import { CurrentConfigurations } from '../current/current-configurations';
import { matchesEtag } from './deliver-configuration';

/** Of the routes by which agents get their configuration: without a query, as nearly all ask. */
const PATHS = ['/api/v1/config', '/config/agent'];

/** Answers agents that have what they are to have. Everything else is for the controller. */
@Injectable()
export class AnswerUnchanged {
  constructor(
    answers: UnchangedAnswers,
    private readonly authenticator: DeviceAuthenticator,
    private readonly current: CurrentConfigurations,
    private readonly metrics: ConfigurationsMetrics,
  ) {
    for (const path of PATHS) answers.add(path, (request, address) => this.check(request, address));
  }

  private check({ headers }: IncomingMessage, address: string): UnchangedCall | undefined {
    const held = headers['if-none-match'];
    const device = held === undefined ? undefined : this.authenticator.recall(headers, address);
    const found = device && this.current.recall(DEFAULT_NAME, device);
    if (found === undefined || !matchesEtag(held!, found.etag)) return undefined;
    return { deviceId: device!.deviceId, etag: found.etag, onAnswered: this.onAnswered };
  }

  private readonly onAnswered = (): void => this.metrics.answers.inc({ outcome: 'unchanged' });
}
