import { readFileSync } from 'node:fs';
import { createSchema, createTrigger, enableAlways, installChangeLog, logRights } from './change-log-schema';

describe("db/source/install-change-log.sql, which a source's owner runs", () => {
  const text = readFileSync('db/source/install-change-log.sql', 'utf8');

  it('makes what central would make', () => {
    expect(text).toContain(`${createSchema};\n`);
    expect(text).toContain(`${installChangeLog.trim()};\n`);
    expect(text).toContain(`'${createTrigger('%s')}'`);
    expect(text).toContain(`'${enableAlways('%s')}'`);
  });

  it('gives the rights that central asks for', () => {
    expect(text).toContain(`'GRANT USAGE ON SCHEMA rivulet TO '`);
    for (const { table, rights } of logRights)
      expect(text).toContain(`'GRANT ${rights} ON rivulet.${table} TO '`);
  });
});
