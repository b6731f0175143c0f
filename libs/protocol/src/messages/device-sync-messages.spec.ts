import * as fc from 'fast-check';
import { refusalOf } from '../../test/refusal';
import { parseSyncResponse } from './device-sync-messages';
import { RivuletError } from '@rivulet/errors';

const MANIFEST_ID = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';

describe("central's answer to a sync request", () => {
  it('says that the device is current, and with what', () => {
    const answer = { status: 'current', manifestId: MANIFEST_ID, later: true };
    expect(parseSyncResponse(answer)).toEqual({ status: 'current', manifestId: MANIFEST_ID });
  });

  it('or brings a manifest, and a plan that is read once the manifest is verified', () => {
    const answer = { status: 'update', manifest: 'a.b.c', plan: { tables: 'not yet read' } };
    expect(parseSyncResponse(answer)).toEqual(answer);
  });

  it.each<[unknown, string]>([
    [null, 'the document is not an object'],
    ['current', 'the document is not an object'],
    [{}, 'status is not'],
    [{ status: 'applied' }, 'status is not'],
    [{ status: ['current'] }, 'status is not'],
    [{ status: 'current' }, 'manifestId is not a ULID'],
    [{ status: 'current', manifestId: MANIFEST_ID.toLowerCase() }, 'manifestId is not a ULID'],
    [{ status: 'update', plan: {} }, 'manifest is not a string'],
    [{ status: 'update', manifest: {}, plan: {} }, 'manifest is not a string'],
  ])('is refused when it is %j', (answer, reason) => {
    const { code, message } = refusalOf(() => parseSyncResponse(answer));
    expect(code).toBe('CENTRAL_RESPONSE_INVALID');
    expect(message).toContain(reason);
  });

  it('is refused by a RivuletError alone, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (answer) => {
        expect(refusalOf(() => parseSyncResponse(answer))).toBeInstanceOf(RivuletError);
      }),
    );
  });
});
