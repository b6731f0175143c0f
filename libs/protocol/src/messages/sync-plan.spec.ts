import { DIGESTS, exampleManifest } from '../../test/example-manifest';
import { refusalOf } from '../../test/refusal';
import {
  framesOfTable,
  holds,
  parseSyncPlan,
  plannedFrames,
  type DeviceTable,
  type PlanTerms,
  type SyncPlan,
} from './sync-plan';

const manifest = exampleManifest();
const [users, members] = manifest.tables;
const heldUsers: DeviceTable = { name: 'users', fingerprint: users!.fingerprint, checksum: users!.checksum };

const loadUsers = { name: 'users', action: 'load' as const, chunks: DIGESTS.slice(0, 2) };
const loadMembers = { name: 'group_members', action: 'load' as const, chunks: DIGESTS.slice(2) };
const keepUsers = { name: 'users', action: 'keep' as const };
const patchUsers = { name: 'users', action: 'patch' as const, frames: ['3d'.repeat(32), '4e'.repeat(32)] };
const otherUsers: DeviceTable = { ...heldUsers, checksum: members!.checksum };

function plan(...tables: unknown[]): unknown {
  return { tables, wireBytes: 4_711 };
}

function refusal(value: unknown, asked: PlanTerms = { tables: [] }): { code: string; message: string } {
  const { code, message } = refusalOf(() => parseSyncPlan(value, manifest, asked));
  return { code, message };
}

describe('a plan', () => {
  it.each<[string, DeviceTable[], SyncPlan]>([
    ['loads what the device does not hold', [], { tables: [loadUsers, loadMembers], wireBytes: 4_711 }],
    ['keeps what it holds', [heldUsers], { tables: [keepUsers, loadMembers], wireBytes: 0 }],
    ['may load what it holds', [heldUsers], { tables: [loadUsers, loadMembers], wireBytes: 1 }],
    ['patches what it has otherwise', [otherUsers], { tables: [patchUsers, loadMembers], wireBytes: 2 }],
  ])('%s', (_, tables, expected) => {
    expect(parseSyncPlan(structuredClone(expected), manifest, { tables })).toEqual(expected);
  });

  it('may have fields that are not known, which are left out', () => {
    const value = { ...(plan({ ...keepUsers, chunks: 'of no interest' }, loadMembers) as object), later: [] };
    expect(parseSyncPlan(value, manifest, { tables: [heldUsers] })).toEqual(plan(keepUsers, loadMembers));
  });

  it.each<[string, DeviceTable[]]>([
    ['nothing', []],
    ['another table', [{ ...heldUsers, name: 'group_members' }]],
    ['other columns', [{ ...heldUsers, fingerprint: members!.fingerprint }]],
    ['other rows', [{ ...heldUsers, checksum: members!.checksum }]],
  ])('is refused when it keeps a mirror of which the device holds %s', (_, tables) => {
    const { code, message } = refusal(plan(keepUsers, loadMembers), { tables });
    expect(code).toBe('CENTRAL_RESPONSE_INVALID');
    expect(message).toContain('plan.tables[0] keeps a mirror that differs');
  });

  it.each<[string, PlanTerms]>([
    ['nothing was offered', { tables: [] }],
    ['another table was offered', { tables: [{ ...otherUsers, name: 'group_members' }] }],
    ['other columns were offered', { tables: [{ ...otherUsers, fingerprint: members!.fingerprint }] }],
    ['whole tables were asked for', { tables: [otherUsers], wholeTables: true }],
  ])('is refused when it patches a mirror although %s', (_, asked) => {
    const { code, message } = refusal(plan(patchUsers, loadMembers), asked);
    expect(code).toBe('CENTRAL_RESPONSE_INVALID');
    expect(message).toContain('plan.tables[0] patches a mirror that was not offered');
  });

  it('is refused when it patches a mirror with nothing', () => {
    const { code, message } = refusal(plan({ ...patchUsers, frames: [] }, loadMembers), {
      tables: [otherUsers],
    });
    expect(code).toBe('CENTRAL_RESPONSE_INVALID');
    expect(message).toContain('plan.tables[0] patches a mirror with nothing');
  });

  it('may keep a table when whole tables were asked for', () => {
    const expected = plan(keepUsers, loadMembers);
    expect(parseSyncPlan(expected, manifest, { tables: [heldUsers], wholeTables: true })).toEqual(expected);
  });

  it.each([
    ['none', []],
    ['too few', DIGESTS.slice(0, 1)],
    ['too many', DIGESTS],
    ['in another order', DIGESTS.slice(0, 2).toReversed()],
    ['of another table', DIGESTS.slice(2)],
  ])('is refused when the chunks of a table do not make its checksum: %s', (_, chunks) => {
    const { code, message } = refusal(plan({ ...loadUsers, chunks }, loadMembers));
    expect(code).toBe('CENTRAL_RESPONSE_INVALID');
    expect(message).toContain('plan.tables[0] has chunks that do not make up');
  });

  it.each([
    ['without a table', [loadUsers], 'plan.tables does not match'],
    ['with a table too many', [loadUsers, loadMembers, loadMembers], 'plan.tables does not match'],
    ['without tables', [], 'plan.tables does not match'],
    ['in another order', [loadMembers, loadUsers], 'plan.tables[0] is not about users'],
    ['with one table twice', [loadUsers, loadUsers], 'plan.tables[1] is not about group_members'],
  ])('is refused %s', (_, tables, reason) => {
    const { code, message } = refusal(plan(...tables));
    expect(code).toBe('CENTRAL_RESPONSE_INVALID');
    expect(message).toContain(reason);
  });

  it.each<[unknown, string]>([
    [undefined, 'plan is not an object'],
    [null, 'plan is not an object'],
    [[], 'plan is not an object'],
    [{ wireBytes: 1 }, 'plan.tables is not a list'],
    [{ tables: {}, wireBytes: 1 }, 'plan.tables is not a list'],
    [plan(null, loadMembers), 'plan.tables[0] is not an object'],
    [plan({ ...loadUsers, name: 7 }, loadMembers), 'plan.tables[0].name is not'],
    [plan({ name: 'users' }, loadMembers), 'plan.tables[0].action is not'],
    [plan({ name: 'users', action: 'drop' }, loadMembers), 'plan.tables[0].action is not'],
    [plan({ name: 'users', action: 'keep\n' }, loadMembers), 'plan.tables[0].action is not'],
    [plan({ name: 'users', action: 'load' }, loadMembers), 'plan.tables[0].chunks is not'],
    [plan({ name: 'users', action: 'patch' }, loadMembers), 'plan.tables[0].frames is not'],
    [plan({ ...patchUsers, frames: ['AB'.repeat(32)] }, loadMembers), 'plan.tables[0].frames[0] is not'],
    [plan({ ...loadUsers, chunks: [DIGESTS[0], 'ab'] }, loadMembers), 'plan.tables[0].chunks[1] is not'],
    [plan({ ...loadUsers, chunks: [1] }, loadMembers), 'plan.tables[0].chunks[0] is not'],
    [{ tables: [loadUsers, loadMembers] }, 'plan.wireBytes is not'],
    [{ tables: [loadUsers, loadMembers], wireBytes: -1 }, 'plan.wireBytes is not'],
  ])('is refused when it is malformed, and the field is named: %j', (value, reason) => {
    const { code, message } = refusal(value);
    expect(code).toBe('CENTRAL_RESPONSE_INVALID');
    expect(message).toContain(reason);
  });
});

describe('the frames of a plan', () => {
  it('are those of its tables, one after the other', () => {
    const tables = [keepUsers, patchUsers, loadMembers];
    expect(tables.map(framesOfTable)).toEqual([[], patchUsers.frames, loadMembers.chunks]);
    expect(plannedFrames({ tables, wireBytes: 0 })).toEqual([...patchUsers.frames, ...loadMembers.chunks]);
  });
});

describe('a device', () => {
  it('holds a table when both its columns and its rows are the same', () => {
    expect(holds(heldUsers, users!)).toBe(true);
    expect(holds({ ...heldUsers, fingerprint: members!.fingerprint }, users!)).toBe(false);
    expect(holds({ ...heldUsers, checksum: members!.checksum }, users!)).toBe(false);
    expect(holds(undefined, users!)).toBe(false);
  });
});
