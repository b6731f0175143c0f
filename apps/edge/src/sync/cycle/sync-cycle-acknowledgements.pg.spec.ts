import { RivuletError } from '@rivulet/errors';
import { numberedTexts } from '@rivulet/testing';
import { setUpSyncCycles } from '../../../test/sync-cycle-fixture';

const edge = setUpSyncCycles();

const unreachable = new RivuletError('CENTRAL_UNREACHABLE', 'The connection was reset.');

beforeEach(async () => {
  edge.hub.datasets = [numberedTexts('names', ['Ada'])];
  await edge.sync();
  edge.hub.datasets = [numberedTexts('names', ['Ada', 'Grace'])];
});

describe('an acknowledgement', () => {
  it('that does not get through is sent by the next cycle, and nothing is applied again', async () => {
    jest.spyOn(edge.hub, 'acknowledge').mockRejectedValue(unreachable);
    const applied = await edge.sync();
    expect(applied).toMatchObject({ status: 'applied', acknowledged: false });
    expect(edge.warnings.at(-1)).toContain('did not accept');
    jest.restoreAllMocks();
    const fetches = edge.hub.fetches.length;

    expect(await edge.sync()).toMatchObject({
      status: 'current',
      acknowledged: true,
      manifestId: applied.manifestId,
    });

    expect(edge.hub.acknowledgements.at(-1)).toMatchObject({
      manifestId: applied.manifestId,
      cycleId: applied.cycleId,
    });
    expect(edge.hub.fetches).toHaveLength(fetches);
    expect(await edge.countApplied()).toBe(2);
    expect(await edge.state.unacknowledged()).toEqual([]);
  });

  it('whose answer is lost is sent again, word for word', async () => {
    const acknowledge = edge.hub.acknowledge.bind(edge.hub);
    jest.spyOn(edge.hub, 'acknowledge').mockImplementationOnce(async (report) => {
      await acknowledge(report);
      throw unreachable;
    });

    expect(await edge.sync()).toMatchObject({ status: 'applied', acknowledged: true });

    const [, first, second] = edge.hub.acknowledgements;
    expect(second).toEqual(first);
    expect(await edge.countApplied()).toBe(2);
  });

  it('that central refuses does not hold up the next one, and is not taken for given', async () => {
    const refusal = new RivuletError('DEVICE_INACTIVE', 'It is switched off for now.');
    const acknowledge = edge.hub.acknowledge.bind(edge.hub);
    let refused: string | undefined;
    jest.spyOn(edge.hub, 'acknowledge').mockImplementation(async (report) => {
      refused ??= report.manifestId;
      if (report.manifestId === refused) throw refusal;
      await acknowledge(report);
    });

    expect(await edge.sync()).toMatchObject({ status: 'applied', acknowledged: false });
    expect(await edge.sync()).toMatchObject({ status: 'current', acknowledged: false });
    edge.hub.datasets = [numberedTexts('names', ['Edsger'])];
    const next = await edge.sync();

    expect(next).toMatchObject({ status: 'applied', acknowledged: true });
    expect((await edge.state.unacknowledged()).map(({ manifestId }) => manifestId)).toEqual([refused]);
  });

  it.each(['MANIFEST_UNKNOWN', 'REQUEST_INVALID'] as const)(
    'that central can never accept, as %s says, is given up',
    async (code) => {
      jest.spyOn(edge.hub, 'acknowledge').mockRejectedValueOnce(new RivuletError(code, 'It stays refused.'));

      expect(await edge.sync()).toMatchObject({ status: 'applied', acknowledged: false });
      expect(await edge.state.unacknowledged()).toEqual([]);
    },
  );
});

describe('what fails after the commit', () => {
  it('does not make a failure of a manifest that is applied', async () => {
    jest.spyOn(edge.spool, 'clear').mockRejectedValueOnce(new Error('EIO'));
    jest
      .spyOn(edge.state, 'markAcknowledged')
      .mockRejectedValueOnce(new Error('Connection terminated unexpectedly'));

    expect(await edge.sync()).toMatchObject({ status: 'applied' });

    expect(edge.warnings).toEqual([
      'INTERNAL The spool could not be emptied',
      'DATABASE_UNAVAILABLE The acknowledgement is left to the next cycle',
    ]);
    expect(await edge.countApplied()).toBe(2);
    expect(await edge.sync()).toMatchObject({ status: 'current' });
    expect(await edge.state.unacknowledged()).toEqual([]);
  });
});
