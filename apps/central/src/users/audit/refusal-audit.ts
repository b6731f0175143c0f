import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import type { ErrorCode } from '@rivulet/errors';
import { errorStatus, namedError, networkOf, Refusals, type Refusal } from '@rivulet/platform';
import { AuditLog } from './audit-log';

/** Who is not let in, and who is let in and may not. A new code of these is audited without being named here. */
const STATUSES = new Set([401, 403]);
const ALSO: ReadonlySet<ErrorCode> = new Set(['RATE_LIMITED', 'LOGIN_THROTTLED']);
const NOT: ReadonlySet<ErrorCode> = new Set([
  // Each has an entry of its own.
  'LOGIN_FAILED',
  'REFRESH_TOKEN_REUSED',
  // No credentials at all: any scanner of ports makes these.
  'OPERATOR_UNIDENTIFIED',
  'DEVICE_UNIDENTIFIED',
  'CLIENT_CERTIFICATE_MISSING',
  'AGENT_UNREGISTERED',
  // The data owner's doing.
  'DEVICE_INACTIVE',
]);
const WINDOW_MS = 60_000;
/** Kinds and sources in a minute that have entries of their own. */
const SOURCES_MAX = 200;
const SEVERAL = 'several';

interface Counted {
  last: Refusal;
  address: string;
  /** Since the entry of the first. */
  more: number;
}

/**
 * Writes refusals to the audit log: the first of a kind from a network at once, the others of the same minute together, as
 * a number. What comes from more than 200 networks and kinds in a minute is counted by kind. So a minute has at most 400
 * entries and one for each kind, however many calls are refused.
 */
@Injectable()
export class RefusalAudit implements OnModuleDestroy {
  private readonly logger = new Logger('Audit');
  private counts = new Map<string, Counted>();
  private sources = 0;
  /** One after the other: a flood takes one connection. */
  private written = Promise.resolve();

  constructor(
    private readonly audit: AuditLog,
    refusals: Refusals,
  ) {
    refusals.listen((refusal) => this.note(refusal));
  }

  note(refusal: Refusal): void {
    if (!isAudited(refusal.code)) return;
    const network = networkOf(refusal.address);
    const known = this.counts.get(`${refusal.code} ${network}`);
    if (known !== undefined) return count(known, refusal);
    if (this.sources < SOURCES_MAX) {
      this.sources++;
      this.counts.set(`${refusal.code} ${network}`, { last: refusal, address: refusal.address, more: 0 });
      this.writeLater(refusal, refusal.address, 1);
      return;
    }
    const key = `${refusal.code} ${SEVERAL}`;
    const together = this.counts.get(key) ?? { last: refusal, address: SEVERAL, more: 0 };
    this.counts.set(key, together);
    count(together, refusal);
  }

  @Interval('refusals', WINDOW_MS)
  async flush(): Promise<void> {
    const { counts } = this;
    this.counts = new Map();
    this.sources = 0;
    for (const { last, address, more } of counts.values()) {
      if (more > 0) this.writeLater(last, address, more);
    }
    await this.written;
  }

  async onModuleDestroy(): Promise<void> {
    await this.flush();
  }

  private writeLater(refusal: Refusal, address: string, refused: number): void {
    this.written = this.writeAfter(this.written, refusal, address, refused);
  }

  private async writeAfter(
    before: Promise<void>,
    refusal: Refusal,
    address: string,
    refused: number,
  ): Promise<void> {
    await before;
    await this.write(refusal, address, refused);
  }

  private async write(refusal: Refusal, address: string, refused: number): Promise<void> {
    const { code, detail, requestId, where } = refusal;
    try {
      await this.audit.record(
        { address, requestId },
        { action: actionOf(code), targetKind: 'route', targetId: where, after: { code, refused, detail } },
      );
    } catch (error) {
      const failure = namedError(error);
      this.logger.warn(
        { code: failure.code },
        `A refusal (${code}) is not in the audit log: ${failure.message}`,
      );
    }
  }
}

function count(counted: Counted, refusal: Refusal): void {
  counted.last = refusal;
  counted.more++;
}

function isAudited(code: ErrorCode): boolean {
  return !NOT.has(code) && (ALSO.has(code) || STATUSES.has(errorStatus[code]));
}

function actionOf(code: ErrorCode): string {
  return `refusal.${code.toLowerCase().replaceAll('_', '-')}`;
}
