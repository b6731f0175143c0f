import { DIGESTS, exampleManifest } from '../test/example-manifest';
import { refusalOf } from '../test/refusal';
import { holds, parseSyncPlan, type HeldTable, type SyncPlan } from './sync-plan';

const manifest = exampleManifest();
const [users, members] = manifest.tables;
const heldUsers: HeldTable = { name: 'users', fingerprint: users!.fingerprint, checksum: users!.checksum };

const loadUsers = { name: 'users', action: 'load' as const, chunks: DIGESTS.slice(0, 2) };
const loadMembers = { name: 'group_members', action: 'load' as const, chunks: DIGESTS.slice(2) };
const keepUsers = { name: 'users', action: 'keep' as const };

function plan(...tables: unknown[]): unknown {
  return { tables, wireBytes: 4_711 };
}

function refusal(value: unknown, held: HeldTable[] = []): { code: string; message: string } {
  const { code, message } = refusalOf(() => parseSyncPlan(value, manifest, held));
  return { code, message };
}

describe('a plan', () => {
  it.each<[string, HeldTable[], SyncPlan]>([
    ['loads what the device does not hold', [], { tables: [loadUsers, loadMembers], wireBytes: 4_711 }],
    ['keeps what it holds', [heldUsers], { tables: [keepUsers, loadMembers], wireBytes: 0 }],
    ['may load what it holds', [heldUsers], { tables: [loadUsers, loadMembers], wireBytes: 1 }],
  ])('%s', (_, held, expected) => {
    expect(parseSyncPlan(structuredClone(expected), manifest, held)).toEqual(expected);
  });

  it('may have fields that are not known, which are left out', () => {
    const value = { ...(plan({ ...keepUsers, chunks: 'of no interest' }, loadMembers) as object), later: [] };
    expect(parseSyncPlan(value, manifest, [heldUsers])).toEqual(plan(keepUsers, loadMembers));
  });

  it.each<[string, HeldTable[]]>([
    ['nothing', []],
    ['another table', [{ ...heldUsers, name: 'group_members' }]],
    ['other columns', [{ ...heldUsers, fingerprint: members!.fingerprint }]],
    ['other rows', [{ ...heldUsers, checksum: members!.checksum }]],
  ])('is refused when it keeps a mirror of which the device holds %s', (_, held) => {
    const { code, message } = refusal(plan(keepUsers, loadMembers), held);
    expect(code).toBe('CENTRAL_RESPONSE_INVALID');
    expect(message).toContain('plan.tables[0] keeps a mirror that differs');
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

describe('a device', () => {
  it('holds a table when both its columns and its rows are the same', () => {
    expect(holds(heldUsers, users!)).toBe(true);
    expect(holds({ ...heldUsers, fingerprint: members!.fingerprint }, users!)).toBe(false);
    expect(holds({ ...heldUsers, checksum: members!.checksum }, users!)).toBe(false);
    expect(holds(undefined, users!)).toBe(false);
  });
});
