import { Injectable } from '@nestjs/common';
import { OwnTables } from '@rivulet/platform';

const EXPORTED_AT_ONCE = 500;

export interface AuditRow {
  auditId: string;
  at: Date;
  actorId: string | null;
  actorName: string;
  via: string | null;
  viaId: string | null;
  address: string | null;
  requestId: string | null;
  action: string;
  targetKind: string;
  targetId: string;
  before: unknown;
  after: unknown;
}

export interface AuditFilter {
  actor?: string | undefined;
  /** `device.revoke`, or `device` for all that begin with it. */
  action?: string | undefined;
  targetKind?: string | undefined;
  targetId?: string | undefined;
  since?: Date | undefined;
  until?: Date | undefined;
}

/** Reads the audit log, the latest first. */
@Injectable()
export class AuditList {
  constructor(private readonly tables: OwnTables) {}

  /** By keyset. @param before - the id of the last entry of the page before */
  async page(
    filter: AuditFilter,
    limit: number,
    before?: string,
  ): Promise<{ entries: AuditRow[]; cursor?: string }> {
    const rows = await this.read(filter, limit + 1, before);
    const entries = rows.slice(0, limit);
    return rows.length <= limit ? { entries } : { entries, cursor: entries.at(-1)!.auditId };
  }

  /** One JSON document a line. */
  async *export(filter: AuditFilter): AsyncGenerator<string, void> {
    let before: string | undefined;
    for (;;) {
      const rows = await this.read(filter, EXPORTED_AT_ONCE, before);
      if (rows.length > 0) yield `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`;
      if (rows.length < EXPORTED_AT_ONCE) return;
      before = rows.at(-1)!.auditId;
    }
  }

  private async read(filter: AuditFilter, limit: number, before?: string): Promise<AuditRow[]> {
    const { actor, action, targetKind, targetId, since, until } = filter;
    return this.tables.rows<AuditRow>(readEntries, [
      before ?? null,
      actor ?? null,
      action ?? null,
      targetKind ?? null,
      targetId ?? null,
      since ?? null,
      until ?? null,
      limit,
    ]);
  }
}

/** Backwards by the primary key, or by the index of whichever filter PostgreSQL finds narrower. */
const readEntries = `
SELECT audit_id::text AS "auditId", at, actor_id AS "actorId", actor_name AS "actorName", via, via_id AS "viaId",
  address, request_id AS "requestId", action, target_kind AS "targetKind", target_id AS "targetId", before, after
FROM rivulet.audit_log
WHERE ($1::bigint IS NULL OR audit_id < $1) AND ($2::text IS NULL OR actor_name = $2)
  AND ($3::text IS NULL OR action = $3 OR starts_with(action, $3 || '.'))
  AND ($4::text IS NULL OR target_kind = $4) AND ($5::text IS NULL OR target_id = $5)
  AND ($6::timestamptz IS NULL OR at >= $6) AND ($7::timestamptz IS NULL OR at < $7)
ORDER BY audit_id DESC LIMIT $8`;
