import { MANIFEST_JWS_TYPE, statementTypes } from '@rivulet/protocol';
import { FakeHub, numberedTexts } from '@rivulet/testing';
import { generatePrivateKey, readSigningPair, type SigningPair } from './key-pair';
import { signStatement } from './statement';
import { verifyProof, type DeviceProof } from './verify-proof';

const macAddress = '48:b0:2d:e9:c3:b7';
const deviceId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const nonce = 'q83vEjRWeJCrze8SNFZ4kA';
const issuedAt = '2026-11-27T08:00:00.000Z';

let central: SigningPair;
let device: SigningPair;
let manifest: {
  manifestId: string;
  macAddress: string;
  tables: { name: string; rows: number; checksum: string }[];
};

beforeEach(async () => {
  central = await readSigningPair(generatePrivateKey());
  device = await readSigningPair(generatePrivateKey());
  const hub = await FakeHub.create(macAddress);
  hub.datasets = [numberedTexts('names', ['Ada', 'Grace']), numberedTexts('areas', ['Lobby'])];
  const answer = await hub.request({ protocolVersion: 1, nonce, tables: [] });
  const { manifest: document } = answer as { manifest: string };
  manifest = JSON.parse(Buffer.from(document.split('.')[1]!, 'base64url').toString()) as typeof manifest;
});

interface Changes {
  deviceKey?: object;
  manifest?: object;
  report?: object;
  signers?: Partial<Record<keyof DeviceProof, SigningPair>>;
}

async function proof({ signers = {}, ...changes }: Changes = {}): Promise<DeviceProof> {
  const { thumbprint } = device;
  const keyed = { centralId: 'c', deviceId, macAddress, thumbprint, nonce, issuedAt, ...changes.deviceKey };
  const tables = manifest.tables.map(({ name, rows, checksum }) => ({ name, rows, checksum }));
  const { manifestId } = manifest;
  const report = { deviceId, manifestId, status: 'applied', finishedAt: issuedAt, tables, ...changes.report };
  return {
    deviceKey: await signStatement(signers.deviceKey ?? central, statementTypes.deviceKey, keyed),
    manifest: await signStatement(signers.manifest ?? central, MANIFEST_JWS_TYPE, {
      ...manifest,
      ...changes.manifest,
    }),
    report: await signStatement(signers.report ?? device, statementTypes.report, report),
  };
}

describe('a proof', () => {
  it('shows which rows a device held, and by which keys', async () => {
    expect(await verifyProof(await proof())).toMatchObject({
      deviceId,
      macAddress,
      centralKey: central.thumbprint,
      deviceKey: device.thumbprint,
      manifest: {
        manifestId: manifest.manifestId,
        tables: [
          { name: 'names', rows: 2 },
          { name: 'areas', rows: 1 },
        ],
      },
    });
  });

  it.each([
    ['of another device', { report: { deviceId: '01KAJ9V9RW4C7ZK3DYE7V1NB2S' } }, 'another device'],
    ['for another MAC address', { manifest: { macAddress: '48:b0:2d:00:00:01' } }, 'for another device'],
    ['about another manifest', { report: { manifestId: deviceId } }, 'another manifest'],
    ['that failed', { report: { status: 'failed' } }, 'failed'],
    ['without a table', { report: { tables: [] } }, 'other tables'],
  ])('%s does not hold', async (_, changes, problem) => {
    await expect(verifyProof(await proof(changes))).rejects.toThrow(problem);
  });

  it('whose report has another checksum than the manifest does not hold', async () => {
    const [first, ...others] = manifest.tables.map(({ name, rows, checksum }) => ({ name, rows, checksum }));
    const tables = [{ ...first!, checksum: '0'.repeat(64) }, ...others];
    await expect(verifyProof(await proof({ report: { tables } }))).rejects.toThrow(
      'does not prove table names',
    );
  });

  it('that another key has signed in part does not hold', async () => {
    const stranger = await readSigningPair(generatePrivateKey());
    const by = (part: keyof DeviceProof) => proof({ signers: { [part]: stranger } });
    await expect(verifyProof(await by('deviceKey'))).rejects.toThrow('two keys of central');
    await expect(verifyProof(await by('manifest'))).rejects.toThrow('two keys of central');
    await expect(verifyProof(await by('report'))).rejects.toThrow("not signed with the device's key");
  });

  it('that was changed after it was signed does not hold', async () => {
    const whole = await proof();
    for (const part of ['deviceKey', 'manifest', 'report'] as const) {
      const [header, payload, signature] = whole[part].split('.');
      const changed = Buffer.from(payload!, 'base64url').toString().replace(/"/, ' "');
      const spoilt = {
        ...whole,
        [part]: `${header}.${Buffer.from(changed).toString('base64url')}.${signature}`,
      };
      await expect(verifyProof(spoilt)).rejects.toThrow('signature does not verify');
    }
  });
});
