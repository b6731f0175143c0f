import { Injectable } from '@nestjs/common';
import { OwnTables } from '@rivulet/platform';
import type { Caller } from './current-caller';
import { withoutSecrets } from './without-secrets';

/** The kind of change and its object: `device.revoke` of the device with an id. */
export interface AuditEntry {
  action: string;
  targetKind: string;
  targetId: string;
  before?: unknown;
  after?: unknown;
}

export interface AuditedChange<T> extends Omit<AuditEntry, 'before' | 'after' | 'targetId'> {
  /** Undefined for what is made: then it is taken from the result. */
  targetId?: string;
  idOf?: (result: T) => string;
  /** Read before the change, in its transaction. */
  before?: () => Promise<unknown>;
  change: () => Promise<T>;
  /** The part of the result that is written; all of it unless given. */
  after?: (result: T) => unknown;
}

/** Says who changed what. Secrets are left out. */
@Injectable()
export class AuditLog {
  constructor(private readonly tables: OwnTables) {}

  /** Makes a change and its entry in one transaction: neither is there without the other. */
  async change<T>(caller: Caller, audited: AuditedChange<T>): Promise<T> {
    const { action, targetKind, targetId, idOf, before, change, after } = audited;
    return this.tables.transaction(async () => {
      const earlier = await before?.();
      const result = await change();
      await this.record(caller, {
        action,
        targetKind,
        targetId: targetId ?? idOf?.(result) ?? '',
        before: earlier,
        after: after === undefined ? result : after(result),
      });
      return result;
    });
  }

  /** Within the transaction that is open, if there is one. */
  async record({ operator, address, requestId }: Caller, entry: AuditEntry): Promise<void> {
    await this.tables.rows(insertEntry, [
      operator?.id ?? null,
      operator?.name ?? 'anyone',
      operator?.via ?? null,
      operator?.sessionId ?? operator?.keyId ?? null,
      address,
      requestId,
      entry.action,
      entry.targetKind,
      String(withoutSecrets(entry.targetId)),
      JSON.stringify(withoutSecrets(entry.before)),
      JSON.stringify(withoutSecrets(entry.after)),
    ]);
  }
}

const insertEntry = `
INSERT INTO rivulet.audit_log
  (actor_id, actor_name, via, via_id, address, request_id, action, target_kind, target_id, before, after)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, nullif($10::jsonb, 'null'), nullif($11::jsonb, 'null'))`;
