import type { TerminalStyle } from '@rivulet/cli';
import { summarize } from './summary';
import type { SyncResult } from './sync-status';

const same = (text: string): string => text;
const plain: TerminalStyle = { bold: same, dim: same, good: same, bad: same };
const central = {
  url: 'http://localhost:8080',
  databaseUrl: 'postgresql://rivulet:secret@localhost/central',
};
const operator = { username: 'admin', password: 'secret', isNew: false };
const edge = { url: 'http://localhost:8081', databaseUrl: 'postgresql://localhost/edge' };
const worker = { url: 'http://localhost:8082' };
const identity = {
  macAddress: '48:b0:2d:e9:c3:b7',
  deviceId: '01KAJ9V9RW4C7ZK3DYE7V1NB2R',
  keyThumbprint: 'kPrK',
};
const applied: SyncResult = {
  status: 'applied',
  manifestId: '01M',
  startedAt: '2026-11-27T00:00:00.000Z',
  durations: { totalMs: 1_234 },
  wireBytes: 48_320,
  acknowledged: true,
  tables: [
    {
      table: 'users',
      action: 'created',
      rows: 1_032,
      bytes: 188_000,
      checksum: `sha256:${'0123456789abcdef'.repeat(4)}`,
    },
  ],
};

describe('the summary of npm start', () => {
  it('says where everything is', () => {
    const lines = summarize({ central, edge, worker, operator, identity, firstSync: applied }, plain).split(
      '\n',
    );
    expect(lines).toContain('  central  app             http://localhost:8080');
    expect(lines).toContain('           API             http://localhost:8081/api/docs');
    expect(lines).toContain('           database        postgresql://rivulet:…@localhost/central');
    expect(lines).toContain('           database        postgresql://localhost/edge');
    expect(lines).toContain('  worker   app             http://localhost:8082');
    expect(lines).toContain('  logs     .rivulet/logs/');
  });

  it('says in one line who the device is', () => {
    expect(summarize({ central, edge, worker, operator, identity, firstSync: applied }, plain)).toContain(
      '\nDevice: enrolled, 48:b0:2d:e9:c3:b7 is 01KAJ9V9RW4C7ZK3DYE7V1NB2R by its key kPrK\n',
    );
    expect(
      summarize({ central, edge, worker, operator, identity: undefined, firstSync: applied }, plain),
    ).toContain('\nDevice: not enrolled\n');
  });

  it("shows the operator's password at the first start alone", () => {
    const system = { central, edge, worker, identity, firstSync: applied };
    expect(summarize({ ...system, operator }, plain)).not.toContain('secret');
    expect(summarize({ ...system, operator: { ...operator, isNew: true } }, plain)).toContain(
      '\nOperator: admin, password secret (shown this once), also in .rivulet/runtime.json\n',
    );
  });

  it('shows what the first sync did to each table', () => {
    const text = summarize({ central, edge, worker, operator, identity, firstSync: applied }, plain);
    expect(text).toContain(
      'First sync: applied, verified, acknowledged (48.3 kB on the wire in 1.2 s, manifest 01M)\n',
    );
    expect(text).toContain(
      '  table  action    rows      size  checksum\n  users  created  1,032  188.0 kB  0123456789ab\n',
    );
  });

  it('says so when there was nothing to do, or central has not heard of it yet', () => {
    const current: SyncResult = { ...applied, status: 'current', acknowledged: false };
    expect(summarize({ central, edge, worker, operator, identity, firstSync: current }, plain)).toContain(
      'First sync: already current, not yet acknowledged (',
    );
  });

  it('gives the reason and the next step of a sync that failed, and says so when there was none', () => {
    const error = { code: 'CHECKSUM_MISMATCH', message: 'It differs.', nextStep: 'Look.' };
    expect(
      summarize(
        { central, edge, worker, operator, identity, firstSync: { ...applied, status: 'failed', error } },
        plain,
      ),
    ).toContain('First sync: failed with CHECKSUM_MISMATCH.\n  It differs.\n  Look.\n');
    expect(summarize({ central, edge, worker, operator, identity, firstSync: undefined }, plain)).toContain(
      'First sync: the edge has not begun one.\n',
    );
  });
});
