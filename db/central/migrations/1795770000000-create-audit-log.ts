import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who changed what. Rows are added, and never changed or removed: also not by central. */
export class CreateAuditLog1795770000000 implements MigrationInterface {
  name = 'CreateAuditLog1795770000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE rivulet.audit_log (
        audit_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at          timestamptz NOT NULL DEFAULT clock_timestamp(),
        actor_id    text,
        actor_name  text NOT NULL,
        -- session, password or api-key; with the id of the session or key where there is one.
        via         text,
        via_id      text,
        address     text,
        request_id  text,
        action      text NOT NULL,
        target_kind text NOT NULL,
        target_id   text NOT NULL,
        before      jsonb,
        after       jsonb
      );
      CREATE INDEX ON rivulet.audit_log (target_id, audit_id);
      CREATE INDEX ON rivulet.audit_log (actor_name, audit_id);
      CREATE INDEX ON rivulet.audit_log (action, audit_id);
      CREATE INDEX ON rivulet.audit_log (at);

      CREATE FUNCTION rivulet.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'The audit log only grows: % is refused.', TG_OP USING ERRCODE = 'insufficient_privilege';
      END $$;
      CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rivulet.audit_log
        FOR EACH ROW EXECUTE FUNCTION rivulet.refuse_audit_change();
      CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON rivulet.audit_log
        FOR EACH STATEMENT EXECUTE FUNCTION rivulet.refuse_audit_change();
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE rivulet.audit_log');
    await runner.query('DROP FUNCTION rivulet.refuse_audit_change');
  }
}
