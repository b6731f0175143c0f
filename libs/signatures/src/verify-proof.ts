import {
  MANIFEST_JWS_TYPE,
  parseManifest,
  readDeviceKeyStatement,
  readReport,
  statementTypes,
  type Manifest,
} from '@rivulet/protocol';
import { openKeyChain } from './key-chain';
import { openStatement } from './statement';

/** The documents that show later that a device held certain rows. Each part is signed: nothing else of it counts. */
export interface DeviceProof {
  /** Central's word that a key is the device's: `rivulet-device-key`. */
  deviceKey: string;
  /** The state that the device was to have: `rivulet-manifest`, signed by central. */
  manifest: string;
  /** The device's reading of its own database: `rivulet-report`, signed by the device. */
  report: string;
  /** By which each key of central has named the next: `rivulet-central-key`. Needed where two of them have signed. */
  centralKeys?: string[];
}

/** The facts that a valid proof shows. */
export interface ProvedRows {
  deviceId: string;
  macAddress: string;
  /** Thumbprint of the key of central that has signed the manifest: it is for the reader to know whose that is. */
  centralKey: string;
  /** That one, and those that have followed each other with it. */
  centralKeys: string[];
  deviceKey: string;
  manifest: Pick<Manifest, 'manifestId' | 'epoch' | 'sequence' | 'issuedAt' | 'tables'>;
  /** By the device's clock, which may be wrong. */
  finishedAt: string;
}

/** Why a proof does not hold. */
class ProofError extends Error {}

/**
 * Verifies a proof without asking anybody: that one key of central has signed the device's key and the manifest, or one that has followed it, that the
 * device's key has signed the report, and that the report has each table of the manifest with its rows and checksum.
 *
 * @throws ProofError · KeyChainError · StatementError · RivuletError MANIFEST_INVALID
 */
export async function verifyProof(proof: DeviceProof): Promise<ProvedRows> {
  const keyed = await openStatement(proof.deviceKey, statementTypes.deviceKey);
  const issued = await openStatement(proof.manifest, MANIFEST_JWS_TYPE);
  const reported = await openStatement(proof.report, statementTypes.report);
  const device = readDeviceKeyStatement(keyed.json);
  const manifest = parseManifest(issued.json);
  const report = readReport(reported.json);

  const centralKey = issued.signedBy.thumbprint;
  const centralKeys = await keysWith(centralKey, device.centralId, proof.centralKeys ?? []);
  ensure(centralKeys.includes(keyed.signedBy.thumbprint), 'two keys of central have signed it');
  ensure(
    reported.signedBy.thumbprint === device.thumbprint,
    "the report is not signed with the device's key",
  );
  ensure(report.deviceId === device.deviceId, 'the report is of another device');
  ensure(manifest.macAddress === device.macAddress, 'the manifest is for another device');
  ensure(report.manifestId === manifest.manifestId, 'the report is about another manifest');
  ensure(report.status === 'applied', 'the device reports that the manifest failed');
  ensure(report.tables.length === manifest.tables.length, 'the report has other tables than the manifest');
  for (const { name, rows, checksum } of manifest.tables) {
    const proved = report.tables.find((table) => table.name === name);
    ensure(proved?.rows === rows && proved.checksum === checksum, `the report does not prove table ${name}`);
  }
  const { deviceId, macAddress, thumbprint: deviceKey } = device;
  return {
    deviceId,
    macAddress,
    centralKey,
    centralKeys,
    deviceKey,
    manifest,
    finishedAt: report.finishedAt,
  };
}

/** The keys of central that vouch for each other with this one. */
async function keysWith(
  centralKey: string,
  centralId: string,
  statements: readonly string[],
): Promise<string[]> {
  const links = await openKeyChain(statements);
  const keys = links.flatMap(({ from, to }, index) => (index === 0 ? [from, to] : [to]));
  if (!keys.includes(centralKey)) return [centralKey];
  ensure(
    links.every((link) => link.centralId === centralId),
    'the keys are those of another central',
  );
  return keys;
}

function ensure(holds: boolean, problem: string): asserts holds {
  if (!holds) throw new ProofError(`The proof does not hold: ${problem}.`);
}
