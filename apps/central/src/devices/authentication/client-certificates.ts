import type { X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Injectable } from '@nestjs/common';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import { atMostEntries, ServerTls, TrustedProxies } from '@rivulet/platform';
import { LRUCache } from 'lru-cache';
import type { KnownDevice } from '../device';
import { DeviceDirectory } from '../registry/device-directory';
import { identityIn, type CertificateIdentity } from './certificate-identity';
import { checkIssuer, readForwarded, readIssuers } from './forwarded-certificate';

/** Which client certificates count. */
export class ClientCertificateSettings {
  isOn: boolean;
  /** In lower case. */
  header: string | undefined;
  /** PEM. */
  issuers: () => string;
}

/** The certificate that a request came with, and the connection that it came over. */
export interface CertificateCall {
  headers: IncomingHttpHeaders;
  socket?: Socket | undefined;
}

interface ReadCertificate {
  identity: CertificateIdentity | undefined;
  validToMs: number;
}

export interface ShownCertificate {
  known: KnownDevice;
  validToMs: number;
  /** The connection that it came over, when that is one of TLS. */
  socket: TLSSocket | undefined;
}

const READ = Symbol('read certificate');
const FORWARDED_KEPT = 10_000;
const EXPIRED = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);

/** Finds the device whose certificate a caller has shown, to central itself or to a trusted proxy. */
@Injectable()
export class ClientCertificates {
  /** By the text of the header; what is in here was issued by one of ours. */
  private readonly forwarded = new LRUCache<string, ReadCertificate>(atMostEntries(FORWARDED_KEPT));
  private issuersOf = { pem: '', certificates: [] as X509Certificate[] };

  constructor(
    private readonly settings: ClientCertificateSettings,
    private readonly tls: ServerTls,
    private readonly proxies: TrustedProxies,
    private readonly directory: DeviceDirectory,
  ) {}

  get isOn(): boolean {
    return this.settings.isOn;
  }

  /**
   * Undefined where none was shown.
   *
   * @throws RivuletError CLIENT_CERTIFICATE_EXPIRED · CLIENT_CERTIFICATE_REVOKED · CLIENT_CERTIFICATE_UNTRUSTED ·
   *   CLIENT_CERTIFICATE_UNKNOWN
   */
  async find({ headers, socket }: CertificateCall): Promise<ShownCertificate | undefined> {
    if (!this.settings.isOn) return undefined;
    const { header } = this.settings;
    const value = header === undefined ? undefined : headers[header];
    const passedOn = value === undefined ? undefined : this.readHeader(header!, String(value), socket);
    const own = passedOn === undefined ? readOwn(socket) : undefined;
    const certificate = passedOn ?? own;
    if (certificate === undefined) return undefined;
    if (certificate.validToMs < Date.now()) throw expired();
    const known = await this.deviceOf(certificate.identity);
    if (known === undefined) {
      throw new RivuletError(
        'CLIENT_CERTIFICATE_UNKNOWN',
        'The client certificate names no device, or several.',
      );
    }
    return { known, validToMs: certificate.validToMs, socket: own && (socket as TLSSocket) };
  }

  /** For connections that stay. @throws RivuletError CLIENT_CERTIFICATE_EXPIRED · CLIENT_CERTIFICATE_OUTDATED */
  stillValid({ validToMs, socket }: Omit<ShownCertificate, 'known'>): void {
    if (validToMs < Date.now()) throw expired();
    if (socket !== undefined && this.tls.isOutdated(socket)) {
      throw new RivuletError(
        'CLIENT_CERTIFICATE_OUTDATED',
        'The files of certificates have been reloaded since.',
      );
    }
  }

  private readHeader(header: string, value: string, socket: Socket | undefined): ReadCertificate {
    const from = socket?.remoteAddress;
    if (!this.proxies.trust(from)) {
      throw new RivuletError(
        'CLIENT_CERTIFICATE_UNTRUSTED',
        `The header ${header} came from ${from}, which is not in CENTRAL_TRUSTED_PROXIES.`,
      );
    }
    const remembered = this.forwarded.get(value);
    if (remembered !== undefined && !this.issuersHaveChanged()) return remembered;
    const certificate = readForwarded(value);
    checkIssuer(certificate, this.issuers());
    if (certificate.validFromDate.getTime() > Date.now()) throw expired();
    const read = contentOf(certificate);
    this.forwarded.set(value, read);
    return read;
  }

  private issuersHaveChanged(): boolean {
    return this.settings.issuers() !== this.issuersOf.pem;
  }

  private issuers(): X509Certificate[] {
    if (this.issuersHaveChanged()) {
      const pem = this.settings.issuers();
      this.issuersOf = { pem, certificates: readIssuers(pem) };
      this.forwarded.clear();
    }
    return this.issuersOf.certificates;
  }

  private async deviceOf(identity: CertificateIdentity | undefined): Promise<KnownDevice | undefined> {
    switch (identity?.kind) {
      case 'id':
        return this.directory.find(identity.deviceId);
      case 'mac':
        return this.directory.findByMac(identity.macAddress);
      case 'name':
        return this.directory.findByName(identity.name);
      default:
        return undefined;
    }
  }
}

/** Once for a connection. @throws RivuletError */
function readOwn(socket: Socket | undefined): ReadCertificate | undefined {
  const secured = socket as (TLSSocket & { [READ]?: ReadCertificate }) | undefined;
  if (secured?.encrypted !== true) return undefined;
  const certificate = secured[READ] === undefined ? secured.getPeerX509Certificate() : undefined;
  if (secured[READ] !== undefined || certificate === undefined) return secured[READ];
  if (!secured.authorized) throw refusal(secured.authorizationError);
  return (secured[READ] = contentOf(certificate));
}

function contentOf(certificate: X509Certificate): ReadCertificate {
  return { identity: identityIn(certificate), validToMs: certificate.validToDate.getTime() };
}

/** @param error - what OpenSSL says, as Node names it */
function refusal(error: unknown): RivuletError {
  const reason = String((error as { code?: string } | null)?.code ?? error);
  if (EXPIRED.has(reason)) return expired();
  const code: ErrorCode =
    reason === 'CERT_REVOKED' ? 'CLIENT_CERTIFICATE_REVOKED' : 'CLIENT_CERTIFICATE_UNTRUSTED';
  return new RivuletError(code, `The client certificate is refused: ${reason}.`);
}

function expired(): RivuletError {
  return new RivuletError(
    'CLIENT_CERTIFICATE_EXPIRED',
    'The client certificate has expired, or is not valid yet.',
  );
}
