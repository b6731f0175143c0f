// oxlint-disable-next-line import/no-unassigned-import -- the library needs Reflect.getMetadata
import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { webcrypto } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
  type JsonGeneralName,
  type X509Certificate,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

export interface CertificateOrder {
  commonName?: string;
  names?: JsonGeneralName[];
  /** Client authentication unless said otherwise. */
  isForServer?: boolean;
  validForDays?: number;
}

export interface IssuedCertificate {
  cert: string;
  key: string;
  serialNumber: string;
}

/** An authority of a test, which issues certificates and revokes them. */
export class TestAuthority {
  private issued = 0;

  private constructor(
    readonly cert: string,
    private readonly certificate: X509Certificate,
    private readonly keys: webcrypto.CryptoKeyPair,
  ) {}

  static async create(name: string): Promise<TestAuthority> {
    const keys = await newKeys();
    const certificate = await X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name: `CN=${name}`,
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + 10 * DAY_MS),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [new BasicConstraintsExtension(true, undefined, true)],
    });
    return new TestAuthority(certificate.toString('pem'), certificate, keys);
  }

  async issue({
    commonName = 'test',
    names = [],
    isForServer = false,
    validForDays = 1,
  }: CertificateOrder): Promise<IssuedCertificate> {
    const keys = await newKeys();
    const use = isForServer ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth;
    const certificate = await X509CertificateGenerator.create({
      serialNumber: (0x10 + this.issued++).toString(16),
      subject: [{ CN: [commonName] }],
      issuer: this.certificate.subject,
      notBefore: new Date(Date.now() - 5 * DAY_MS),
      notAfter: new Date(Date.now() + validForDays * DAY_MS),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      extensions: [
        new ExtendedKeyUsageExtension([use]),
        ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
      ],
    });
    const { serialNumber } = certificate;
    return { cert: certificate.toString('pem'), key: await pemOf(keys.privateKey), serialNumber };
  }

  async issueForServer(order: CertificateOrder = {}): Promise<IssuedCertificate> {
    const names: JsonGeneralName[] = [
      { type: 'ip', value: '127.0.0.1' },
      { type: 'dns', value: 'localhost' },
    ];
    return this.issue({ names, ...order, isForServer: true });
  }

  async revocationList(revoked: IssuedCertificate[] = []): Promise<string> {
    const list = await X509CrlGenerator.create({
      issuer: this.certificate.subject,
      thisUpdate: new Date(Date.now() - DAY_MS),
      nextUpdate: new Date(Date.now() + DAY_MS),
      entries: revoked.map(({ serialNumber }) => ({ serialNumber, revocationDate: new Date() })),
      signingAlgorithm: ALGORITHM,
      signingKey: this.keys.privateKey,
    });
    // The library writes "BEGIN CRL", which OpenSSL does not read.
    return PemConverter.encode(list.rawData, 'X509 CRL');
  }
}

/** Files of a test, which it may write again. */
export class CertificateFiles {
  private readonly directory = mkdtempSync(join(tmpdir(), 'rivulet-certificates-'));

  write(name: string, content: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, content);
    return path;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}
